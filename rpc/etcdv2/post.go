package etcdv2

import (
	"context"
	"fmt"
	"path"
	"strconv"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

const (
	// inOrderEnd follows all in-order names that an index can have.
	inOrderEnd = "0001"
	// patient is how often the number of an in-order file is just tried again
	// before it is asked what stands in its way.
	patient = 2
)

// inOrder is the name of an in-order file.
func inOrder(number int64) string { return fmt.Sprintf("%020d", number) }

// isInOrder says whether a name may be one that POST has given.
func isInOrder(p string) bool {
	name := path.Base(p)
	if len(name) != len(inOrder(0)) {
		return false
	}
	for _, digit := range []byte(name) {
		if digit < '0' || digit > '9' {
			return false
		}
	}
	return true
}

// post makes a file, or a directory, in a directory under the next number: the
// index that it will have if nobody else writes just now. It is greater than all
// numbers that were given before, because none is greater than its file's index.
func (s *space) post(req *request) *change {
	in := *req
	in.path = dirStart(req.path) + inOrder(0) // stands in for the name, so that the directory is looked at
	in.refresh = false
	c := &change{space: s, req: &in, sure: true}
	c.plan = c.planPost
	return c
}

func (c *change) planPost(ctx context.Context, v *view) (*plan, error) {
	if blocked := v.walk(); blocked != nil {
		return nil, blocked
	}
	dir := path.Dir(v.at.path)
	number, ordered := v.revision+1, true
	if c.attempt > patient {
		var err error
		if number, ordered, err = c.behind(ctx, dir, number); err != nil {
			return nil, err
		}
	}
	v.at = place{path: dirStart(dir) + inOrder(number)}
	p, err := c.makeInOrder(ctx, v)
	if err != nil {
		return nil, err
	}
	if last := dirStart(dir) + inOrderEnd; ordered && v.at.path < last {
		p.compares = append(p.compares, nothing(v.at.path, last))
	} else {
		p.compares = append(p.compares, v.vacant(), absent(v.at.path))
	}
	return p, nil
}

func (c *change) makeInOrder(ctx context.Context, v *view) (*plan, error) {
	if c.req.dir {
		return c.makeDir(ctx, v, actionCreate, deedCreateDir)
	}
	p := &plan{compares: v.entry()}
	return p, c.write(ctx, p, v, actionCreate, deedCreate)
}

// behind is a number behind the last one in a directory, where somebody has made
// such a name otherwise than by POST. ordered is false when the last one is no
// number: then there is no order to keep.
func (c *change) behind(ctx context.Context, dir string, number int64) (_ int64, ordered bool, err error) {
	found, _, err := c.read(ctx, c.seen(), []*logv1.Range{{
		Key: []byte(dirStart(dir) + inOrder(number)), RangeEnd: []byte(dirStart(dir) + inOrderEnd),
		SortOrder: logv1.SortOrder_SORT_ORDER_DESCEND, Limit: 1, KeysOnly: true,
	}})
	if err != nil || len(found[0]) == 0 {
		return number, true, err
	}
	name := string(found[0][0].GetKey()[len(dirStart(dir)):])
	taken, err := strconv.ParseInt(name[:min(len(name), len(inOrder(0)))], 10, 64)
	if err != nil {
		return number, false, nil
	}
	return max(number, taken+1), true, nil
}
