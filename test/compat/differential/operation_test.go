package differential

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// operation is one line of a script.
type operation struct {
	// request decides which method is called.
	request proto.Message
	// streamed asks for RangeStream instead of Range.
	streamed bool
	// stream is the watch stream that a WatchRequest goes to.
	stream int
	// times is how often a watch is asked for, all at once; 0 is once.
	times int
	// lease is the slot that remembers the lease that a grant without an id gave.
	lease int
	// leader is the slot that remembers the revision of a leader's key.
	leader int
	// withdraws has a call that waits for its turn give up.
	withdraws bool
	// expires has a granted lease expire, with keys, instead of being revoked.
	expires bool
}

// script is what one seed stands for.
type script struct {
	// streams is the number of watch streams that are open from the start.
	streams int
	// leader has all calls demand that the server knows a leader.
	leader     bool
	operations []operation
}

// Some numbers are known only when a script runs. A script has them as numbers
// that etcd never gives out, so that they may stand wherever an int64 does, deep
// inside of a transaction too.
const (
	atHead      = int64(1) << 50 // + n: the newest revision, + n
	atCompacted = int64(1) << 51 // + n: the compacted revision, + n
	leaseSlot   = int64(1) << 52 // + n: the lease that the n-th grant without an id gave
	leaderSlot  = int64(1) << 53 // + n: the revision that the n-th campaign gave
	symbolSpan  = int64(1) << 20 // |n| is less
	// noSuchLease stands for a slot whose grant failed or was shrunk away.
	noSuchLease = int64(0x5ca1ab1e)
)

// symbol splits a symbolic number into what it counts from and how far.
func symbol(v int64) (from, n int64, ok bool) {
	for _, from := range []int64{atHead, atCompacted, leaseSlot, leaderSlot} {
		if n := v - from; -symbolSpan < n && n < symbolSpan {
			return from, n, true
		}
	}
	return 0, 0, false
}

// mapNumbers replaces every int64 in a message, at any depth, in place.
func mapNumbers(m protoreflect.Message, f func(int64) int64) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.IsMap():
		case field.Kind() == protoreflect.Int64Kind && field.IsList():
			for i := range v.List().Len() {
				v.List().Set(i, protoreflect.ValueOfInt64(f(v.List().Get(i).Int())))
			}
		case field.Kind() == protoreflect.Int64Kind:
			m.Set(field, protoreflect.ValueOfInt64(f(v.Int())))
		case field.Message() != nil && field.IsList():
			for i := range v.List().Len() {
				mapNumbers(v.List().Get(i).Message(), f)
			}
		case field.Message() != nil:
			mapNumbers(v.Message(), f)
		}
		return true
	})
}

// method names what an operation calls.
func (o operation) method() string {
	switch o.request.(type) {
	case *pb.RangeRequest:
		if o.streamed {
			return "RangeStream"
		}
		return "Range"
	case *pb.WatchRequest:
		return fmt.Sprintf("Watch[stream %d]", o.stream)
	case *pb.CompactionRequest:
		return "Compact"
	case *pb.LeaseGrantRequest:
		if o.expires {
			return "GrantAndExpire"
		}
	}
	name := string(o.request.ProtoReflect().Descriptor().Name())
	return strings.TrimSuffix(name, "Request")
}

func (o operation) String() string {
	text := fmt.Sprintf("%s(%s)", o.method(), text(o.request))
	if grant, ok := o.request.(*pb.LeaseGrantRequest); ok && grant.GetID() == 0 {
		text += fmt.Sprintf(" → lease#%d", o.lease)
	}
	if _, ok := o.request.(*v3electionpb.CampaignRequest); ok {
		text += fmt.Sprintf(" → leader#%d", o.leader)
	}
	if o.withdraws {
		text += ", given up if it waits"
	}
	if o.times > 1 {
		text += fmt.Sprintf(" %d times at once", o.times)
	}
	return text
}

// text is a message on one line, with symbolic numbers readable and long values
// cut short.
func text(m proto.Message) string {
	s := prototext.MarshalOptions{}.Format(m)
	s = strings.Join(strings.Fields(s), " ") // the package varies its spaces on purpose
	s = longText.ReplaceAllStringFunc(s, func(long string) string {
		return fmt.Sprintf("%s…\"(%d bytes)", long[:24], len(long)-2)
	})
	return longNumber.ReplaceAllStringFunc(s, func(digits string) string {
		v, err := strconv.ParseInt(digits, 10, 64)
		from, n, ok := symbol(v)
		if err != nil || !ok {
			return digits
		}
		name := map[int64]string{atHead: "head", atCompacted: "compacted", leaseSlot: "lease#", leaderSlot: "leader#"}[from]
		if from == leaseSlot || from == leaderSlot {
			return name + strconv.FormatInt(n, 10)
		}
		if n == 0 {
			return name
		}
		return fmt.Sprintf("%s%+d", name, n)
	})
}

var (
	longText   = regexp.MustCompile(`"(?:[^"\\]|\\.){120,}"`)
	longNumber = regexp.MustCompile(`\b\d{15,17}\b`)
)

// with is the script with other operations.
func (s script) with(operations []operation) script {
	s.operations = slices.Clone(operations)
	return s
}
