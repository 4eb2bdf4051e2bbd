package workload

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/conclavehq/conclave/test/faults/history"
)

const (
	listSlots  = 8  // lists that are appended to at a time
	listLength = 60 // appends after which another list takes the slot
)

// lists are the keys that are in use: slot i has list number slots[i].
type lists struct {
	slots [listSlots]atomic.Int64
	next  atomic.Int64 // the number of the next new list
}

// appendToLists appends to lists and reads them, several at once.
func appendToLists(l *Load) finish {
	s := &lists{}
	for i := range s.slots {
		s.slots[i].Store(s.next.Add(1) - 1)
	}
	l.spawn(history.Lists, mix{clients: 10, etcd: 3, rate: 250}, s.step)
	return func(ctx context.Context) error { return s.readAll(ctx, l) }
}

func listKey(number int64) string { return fmt.Sprintf("l/%08d", number) }

// step makes one transaction of one to four steps.
func (s *lists) step(c *client) {
	micro := make([]history.Micro, 1+c.rand.IntN(4))
	for i := range micro {
		micro[i].Key = listKey(s.slots[c.rand.IntN(listSlots)].Load())
		if micro[i].Append = c.rand.IntN(2) == 0; micro[i].Append {
			micro[i].Element = c.load.unique()
		}
	}
	reading := &history.Record{Then: readsOf(micro)}
	if !c.do(reading) {
		return
	}
	values := make(map[string]history.KV)
	for _, op := range reading.Then {
		for _, kv := range op.Found {
			values[kv.Key] = kv
		}
	}
	if !slices.ContainsFunc(micro, func(m history.Micro) bool { return m.Append }) {
		told := *reading
		play(micro, values)
		c.tellList(&told, micro)
		return
	}
	s.write(c, micro, values)
}

// readsOf reads each list of a transaction once.
func readsOf(micro []history.Micro) []history.Op {
	var ops []history.Op
	for _, m := range micro {
		if !slices.ContainsFunc(ops, func(op history.Op) bool { return op.Key == m.Key }) {
			ops = append(ops, get(m.Key))
		}
	}
	return ops
}

// write appends if nothing has changed since the lists were read.
func (s *lists) write(c *client, micro []history.Micro, values map[string]history.KV) {
	r := &history.Record{}
	after := play(micro, values)
	for _, op := range readsOf(micro) {
		r.If = append(r.If, ifModRevision(op.Key, values[op.Key].Modified))
		if after[op.Key] != values[op.Key].Value {
			op = put(op.Key, after[op.Key])
		}
		r.Then = append(r.Then, op)
	}
	c.do(r)
	told := *r
	if r.Outcome == history.OK && !r.Succeeded {
		told.Outcome, told.Reason = history.Refused, "COMPARE_FAILED"
	}
	c.tellList(&told, micro)
	if r.Succeeded {
		s.rotate(after)
	}
}

// play does the steps on what was read: it fills in what the reads among them see,
// and returns what the lists are after them.
func play(micro []history.Micro, values map[string]history.KV) map[string]string {
	after := make(map[string]string, len(values))
	for key, kv := range values {
		after[key] = kv.Value
	}
	for i, m := range micro {
		if m.Append {
			after[m.Key] = strings.TrimPrefix(after[m.Key]+" "+strconv.FormatInt(m.Element, 10), " ")
			continue
		}
		micro[i].Read = elements(after[m.Key])
	}
	return after
}

// elements are those of a list as it is stored.
func elements(value string) []int64 {
	var all []int64
	for field := range strings.FieldsSeq(value) {
		element, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			element = -1 // nobody wrote this
		}
		all = append(all, element)
	}
	return all
}

// tellList records the steps of a call that was recorded as a transaction.
func (c *client) tellList(r *history.Record, micro []history.Micro) {
	told := history.Record{
		Client: r.Client, Workload: r.Workload, Kind: history.List, Outcome: r.Outcome, Via: r.Via, Call: r.Call,
		Return: r.Return, Node: r.Node, Namespace: r.Namespace, Reason: r.Reason, Revision: r.Revision, Micro: micro,
	}
	if r.Outcome != history.OK {
		for i := range told.Micro {
			told.Micro[i].Read = nil
		}
	}
	c.load.history.Add(told)
}

// rotate gives the slots of full lists to new ones.
func (s *lists) rotate(after map[string]string) {
	for i := range s.slots {
		number := s.slots[i].Load()
		if strings.Count(after[listKey(number)], " ")+1 >= listLength {
			s.slots[i].CompareAndSwap(number, s.next.Add(1)-1)
		}
	}
}

// readAll reads all lists that there ever were, a hundred at a time.
func (s *lists) readAll(ctx context.Context, l *Load) error {
	c, err := l.patient(history.Lists)
	if err != nil {
		return err
	}
	const page = 100
	for first := int64(0); first < s.next.Load(); first += page {
		r := &history.Record{Then: []history.Op{{Type: history.Get, Key: listKey(first), End: listKey(first + page)}}}
		if err := c.lastRead(ctx, r); err != nil {
			return err
		}
		var micro []history.Micro
		for _, kv := range r.Then[0].Found {
			micro = append(micro, history.Micro{Key: kv.Key, Read: elements(kv.Value)})
		}
		c.tellList(r, micro)
	}
	return nil
}
