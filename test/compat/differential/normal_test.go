package differential

import (
	"bytes"
	"cmp"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// normalize takes out of an answer what cannot be equal.
func (s *side) normalize(a answer) answer {
	if a.message != nil {
		s.normalizeMessage(a.message)
	}
	return a
}

func (s *side) normalizeMessage(m proto.Message) {
	if m, ok := m.(*pb.LeaseTimeToLiveResponse); ok {
		if _, known := s.expiries[m.GetID()]; !known {
			m.TTL = min(m.GetTTL(), 0) // only whether it exists: see inLine
		}
	}
	s.rename(m)
	anonymous(m.ProtoReflect())
	switch m := m.(type) {
	case *pb.LeaseTimeToLiveResponse:
		slices.SortFunc(m.Keys, bytes.Compare) // etcd keeps them in a map
	case *pb.LeaseLeasesResponse:
		// Whether the order is right depends on times; inOrder has seen to it.
		slices.SortFunc(m.Leases, func(a, b *pb.LeaseStatus) int { return cmp.Compare(a.GetID(), b.GetID()) })
	}
}

// rename replaces the ids that the server chose for leases by their slots.
func (s *side) rename(m proto.Message) {
	if len(s.slots) == 0 {
		return
	}
	mapNumbers(m.ProtoReflect(), func(v int64) int64 {
		if slot, ok := s.slots[v]; ok {
			return slot
		}
		return v
	})
}

// anonymous removes from all headers who answered, but not whether they tell.
func anonymous(m protoreflect.Message) {
	if h, ok := m.Interface().(*pb.ResponseHeader); ok {
		h.ClusterId, h.MemberId, h.RaftTerm = min(h.ClusterId, 1), min(h.MemberId, 1), min(h.RaftTerm, 1)
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Message() == nil || field.IsMap():
		case field.IsList():
			for i := range v.List().Len() {
				anonymous(v.List().Get(i).Message())
			}
		default:
			anonymous(v.Message())
		}
		return true
	})
}

// equal compares two normal answers. The seconds that a lease has left may have
// gone by between the two.
func equal(a, b answer) bool {
	if a.code != b.code || a.problem != b.problem {
		return false
	}
	first, ok := a.message.(*pb.LeaseTimeToLiveResponse)
	second, both := b.message.(*pb.LeaseTimeToLiveResponse)
	if ok && both && first.GetTTL() >= 0 && second.GetTTL() >= 0 {
		if d := first.GetTTL() - second.GetTTL(); -1 <= d && d <= 1 {
			second = proto.CloneOf(second)
			second.TTL = first.GetTTL()
			return proto.Equal(first, second)
		}
	}
	return proto.Equal(a.message, b.message)
}
