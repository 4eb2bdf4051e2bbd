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

// equal compares two normal answers.
func equal(a, b answer) bool {
	return a.code == b.code && a.problem == b.problem && proto.Equal(a.message, b.message)
}
