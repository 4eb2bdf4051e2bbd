package etcdv2

import (
	"context"
	"fmt"
	"math"
	"strings"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// put chooses what a PUT means.
func (s *space) put(req *request) *change {
	c := &change{space: s, req: req}
	switch {
	case req.prevExist != nil && !*req.prevExist:
		c.plan = c.planCreate
	case req.compares():
		c.plan = c.planCompareAndSwap
	case req.prevExist != nil:
		c.plan = c.planUpdate
	default:
		c.plan = c.planSet
	}
	return c
}

// planSet makes a file, or replaces one, by a directory if that is asked for.
func (c *change) planSet(ctx context.Context, v *view) (*plan, error) {
	if v.at.path == root {
		return nil, fail(codeRootReadOnly, root, v.revision)
	}
	if missing := v.resolve(); missing != nil && (c.req.refresh || missing.Code != codeKeyNotFound) {
		return nil, missing
	}
	if v.at.isDir() {
		return nil, v.fault(codeNotFile)
	}
	if c.req.dir {
		return c.makeDir(ctx, v, actionSet, deedSetDir)
	}
	p := &plan{compares: append(v.entry(), v.vacant())}
	if c.req.refresh {
		p.compares = append(p.compares, exists(v.at.path))
	}
	return p, c.write(ctx, p, v, actionSet, deedSet)
}

// planCreate makes a file or a directory where nothing is.
func (c *change) planCreate(ctx context.Context, v *view) (*plan, error) {
	if v.at.path == root {
		return nil, fail(codeRootReadOnly, root, v.revision)
	}
	if blocked := v.walk(); blocked != nil {
		return nil, blocked
	}
	if v.at.isDir() || v.at.file != nil {
		return nil, v.fault(codeNodeExist)
	}
	if c.req.dir {
		p, err := c.makeDir(ctx, v, actionCreate, deedCreateDir)
		if err == nil {
			p.compares = append(p.compares, absent(v.at.path))
		}
		return p, err
	}
	p := &plan{compares: append(v.entry(), v.vacant(), absent(v.at.path))}
	c.req.refresh = false // there is no value to keep
	return p, c.write(ctx, p, v, actionCreate, deedCreate)
}

// planUpdate changes the value and TTL of a file, or the TTL of a directory.
func (c *change) planUpdate(ctx context.Context, v *view) (*plan, error) {
	if v.at.path == root {
		return nil, fail(codeRootReadOnly, root, v.revision)
	}
	if missing := v.resolve(); missing != nil {
		return nil, missing
	}
	if v.at.isDir() {
		if c.req.value != "" {
			return nil, v.fault(codeNotFile)
		}
		return c.planTerm(ctx, v)
	}
	p := &plan{compares: append(v.terms(), v.vacant(), exists(v.at.path))}
	return p, c.write(ctx, p, v, actionUpdate, deedUpdate)
}

// planCompareAndSwap changes a file if it is what the caller thinks.
func (c *change) planCompareAndSwap(ctx context.Context, v *view) (*plan, error) {
	if v.at.path == root {
		return nil, fail(codeRootReadOnly, root, v.revision)
	}
	same, err := c.planCompare(v)
	if err != nil {
		return nil, err
	}
	p := &plan{compares: append(v.terms(), same...)}
	return p, c.write(ctx, p, v, actionCompareAndSwap, deedCompareAndSwap)
}

// planCompare refuses a file that is not what the caller thinks, and compares
// that it is.
func (c *change) planCompare(v *view) ([]*logv1.Compare, error) {
	if missing := v.resolve(); missing != nil {
		return nil, missing
	}
	if v.at.isDir() {
		return nil, v.fault(codeNotFile)
	}
	value, index := string(v.at.file.GetValue()), v.at.file.GetModRevision()
	var differ []string
	if c.req.prevValue != "" && c.req.prevValue != value {
		differ = append(differ, fmt.Sprintf("[%v != %v]", c.req.prevValue, value))
	}
	if c.req.prevIndex > 0 && (c.req.prevIndex > math.MaxInt64 || int64(c.req.prevIndex) != index) {
		differ = append(differ, fmt.Sprintf("[%v != %v]", c.req.prevIndex, index))
	}
	if len(differ) > 0 {
		return nil, fail(codeTestFailed, strings.Join(differ, " "), v.revision)
	}
	compares := []*logv1.Compare{v.vacant()}
	if c.req.prevValue != "" {
		compares = append(compares, valued(v.at.path, c.req.prevValue))
	}
	if c.req.prevIndex > 0 {
		compares = append(compares, modified(v.at.path, index))
	}
	return compares, nil
}

// write adds to a plan that it puts the file, and what it answers.
func (c *change) write(ctx context.Context, p *plan, v *view, action string, what deed) error {
	if c.req.refresh {
		what = deedRefresh
	}
	lease, err := c.term(ctx, v, what)
	if err != nil {
		return err
	}
	put := &logv1.Put{Key: []byte(v.at.path), Value: []byte(c.req.value), LeaseId: lease, Previous: true,
		Anew: action == actionSet}
	if c.req.refresh {
		put.Value, put.IgnoreValue = nil, true
	}
	p.ops = append(p.ops, putOp(put))
	p.answer = func(ctx context.Context, index int64, results []*logv1.TxnOpResult) (*event, error) {
		previous := results[len(results)-1].GetPut().GetPrevious()
		now := &logv1.KeyValue{Value: []byte(c.req.value), CreateRevision: index, ModRevision: index}
		if previous != nil && !put.Anew {
			now.CreateRevision = previous.GetCreateRevision()
		}
		if c.req.refresh {
			now.Value = previous.GetValue()
		}
		return c.written(ctx, action, v.at.path, now, lease, previous)
	}
	return nil
}

// written is the answer about a file that was put.
func (c *change) written(ctx context.Context, action, p string, now *logv1.KeyValue, lease int64, previous *logv1.KeyValue) (*event, error) {
	end, err := c.ends(ctx, lease, p)
	if err != nil {
		return nil, err
	}
	e := &event{Action: action, Node: file(p, now, end)}
	if previous == nil {
		return e, nil
	}
	e.PrevNode, err = c.before(ctx, p, previous)
	return e, err
}

// before is a file as it was before the change. Its lease is not needed any more.
func (c *change) before(ctx context.Context, p string, previous *logv1.KeyValue) (*node, error) {
	end, err := c.ends(ctx, previous.GetLeaseId(), p)
	c.replaced = append(c.replaced, previous.GetLeaseId())
	return file(p, previous, end), err
}
