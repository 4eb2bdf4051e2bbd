package differential

import (
	"context"
	"slices"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// shrinker looks for the shortest script that two systems differ in.
type shrinker struct {
	ctx      context.Context
	servers  *servers
	deadline time.Time
	// best is the shortest script so far, and how it went.
	best script
	run  *run
	// again is set when the systems differed in it on fresh servers, too.
	again bool
	// tries counts the scripts that were run.
	tries int
}

// shrink returns the shortest script that it finds in the time given. It begins
// with one that differed, and how.
func shrink(ctx context.Context, from *servers, s script, r *run, limit time.Duration) *shrinker {
	k := &shrinker{ctx: ctx, servers: from, deadline: time.Now().Add(limit), best: s, run: r}
	if !k.better(s.with(s.operations[:r.done])) {
		from.used = false
	}
	k.suffix()
	k.without(refusedOn)
	k.without(reads)
	for before := -1; before != k.size() && !k.late(); {
		before = k.size()
		k.oneStream()
		k.remove()
		k.simplify()
	}
	from.drop() // it has to differ on servers that saw nothing else
	if r, err := k.try(k.best); err == nil && r.found != nil {
		k.run, k.again = r, true
	}
	return k
}

func (k *shrinker) late() bool { return k.ctx.Err() != nil || time.Now().After(k.deadline) }

func (k *shrinker) try(s script) (*run, error) {
	k.tries++
	p, err := k.servers.next(k.ctx)
	if err != nil {
		return nil, err
	}
	return play(k.ctx, p, s)
}

// better keeps a script if the systems differ in it, too.
func (k *shrinker) better(s script) bool {
	if k.late() {
		return false
	}
	r, err := k.try(s)
	if err != nil || r.found == nil {
		return false
	}
	k.best, k.run = s.with(s.operations[:r.done]), r
	return true
}

// suffix tries the last few operations, then more of them.
func (k *shrinker) suffix() {
	all := k.best.operations
	for n := 1; n < len(all); n *= 2 {
		if k.better(k.best.with(all[len(all)-n:])) {
			return
		}
	}
}

// without leaves out all operations but the last that are of a kind that is
// unlikely to matter.
func (k *shrinker) without(unlikely func(step) bool) {
	var rest []operation
	for _, s := range k.run.steps {
		if !s.own && !unlikely(s) {
			rest = append(rest, s.operation)
		}
	}
	if last := k.best.operations[len(k.best.operations)-1]; len(rest) == 0 || unlikely(k.run.steps[len(k.run.steps)-1]) {
		rest = append(rest, last)
	}
	k.better(k.best.with(rest))
}

func refusedOn(s step) bool { return s.answers[0].code != codes.OK }

func reads(s step) bool {
	switch s.request.(type) {
	case *pb.RangeRequest, *pb.LeaseTimeToLiveRequest, *pb.LeaseLeasesRequest, *pb.LeaseKeepAliveRequest:
		return true
	default:
		return false
	}
}

// remove leaves operations out, in ever smaller pieces.
func (k *shrinker) remove() {
	for size := max(1, len(k.best.operations)/2); size > 0; size /= 2 {
		for end := len(k.best.operations); end > 0 && !k.late(); end -= size {
			end = min(end, len(k.best.operations))
			k.better(k.best.with(slices.Delete(slices.Clone(k.best.operations), max(0, end-size), end)))
		}
	}
}

// oneStream moves all watches to one stream.
func (k *shrinker) oneStream() {
	if k.best.streams == 1 {
		return
	}
	s := k.best.with(k.best.operations)
	s.streams = 1
	for i := range s.operations {
		s.operations[i].stream = 0
	}
	k.better(s)
}

// simplify leaves out parts of requests.
func (k *shrinker) simplify() {
	for i := 0; i < len(k.best.operations) && !k.late(); i++ {
		for n := 0; i < len(k.best.operations) && !k.late(); {
			s := k.best.with(k.best.operations)
			s.operations[i].request = proto.Clone(s.operations[i].request)
			leaveOut := parts(s.operations[i].request.ProtoReflect())
			if n >= len(leaveOut) {
				break
			}
			leaveOut[n]()
			if !k.better(s) {
				n++
			}
		}
	}
}

// size is what shrinking makes smaller.
func (k *shrinker) size() int {
	total := 0
	for _, o := range k.best.operations {
		total += 1 + len(parts(o.request.ProtoReflect()))
	}
	return total
}

// parts has a function for each part of a message that leaves it out.
func parts(m protoreflect.Message) []func() {
	var all []func()
	for i := range m.Descriptor().Fields().Len() {
		field := m.Descriptor().Fields().Get(i)
		if !m.Has(field) {
			continue
		}
		all = append(all, func() { m.Clear(field) })
		switch v := m.Get(field); {
		case field.IsList():
			for i := range v.List().Len() {
				all = append(all, func() { removeAt(v.List(), i) })
				if field.Message() != nil {
					all = append(all, parts(v.List().Get(i).Message())...)
				}
			}
		case field.Message() != nil:
			all = append(all, parts(v.Message())...)
		}
	}
	return all
}

func removeAt(list protoreflect.List, i int) {
	for ; i+1 < list.Len(); i++ {
		list.Set(i, list.Get(i+1))
	}
	list.Truncate(list.Len() - 1)
}
