package hostile

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// method is a call of one of the APIs.
type method struct {
	path      string // /service/name
	native    bool
	streaming bool
	input     protoreflect.MessageType
	output    protoreflect.MessageType
	// fields are those of the request that there are pairs of.
	fields []protoreflect.FieldDescriptor
}

// apart are calls that are not made, with the reason.
var apart = map[string]string{
	"/conclave.v1.PipelineService/Pipeline": "a stream of other calls; its frames have a fuzz target and scripts of their own",
}

// methods are all calls of all services below some packages.
func methods(packages ...string) (all []method) {
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !slices.Contains(packages, string(file.Package())) {
			return true
		}
		for i := range file.Services().Len() {
			all = append(all, methodsOf(file.Services().Get(i))...)
		}
		return true
	})
	slices.SortFunc(all, func(a, b method) int { return strings.Compare(a.path, b.path) })
	return all
}

func methodsOf(service protoreflect.ServiceDescriptor) (all []method) {
	for i := range service.Methods().Len() {
		d := service.Methods().Get(i)
		m := method{
			path:      "/" + string(service.FullName()) + "/" + string(d.Name()),
			native:    strings.HasPrefix(string(service.FullName()), "conclave."),
			streaming: d.IsStreamingServer() || d.IsStreamingClient(),
		}
		if apart[m.path] != "" {
			continue
		}
		m.input, _ = protoregistry.GlobalTypes.FindMessageByName(d.Input().FullName())
		m.output, _ = protoregistry.GlobalTypes.FindMessageByName(d.Output().FullName())
		for f := range d.Input().Fields().Len() {
			m.fields = append(m.fields, d.Input().Fields().Get(f))
		}
		all = append(all, m)
	}
	return all
}

// request makes the n-th request of a method: a plain one with two fields at their
// bounds. All pairs have their turn.
func (b *bounds) request(m method, n int) proto.Message {
	msg := m.input.New()
	b.plain(msg, 3)
	if k := len(m.fields); k > 0 {
		pairs := max(1, k*(k-1)/2)
		i, j := pair(n%pairs, k)
		b.bound(msg, m.fields[i], 3)
		b.bound(msg, m.fields[j], 3)
	}
	return msg.Interface()
}

// pair is the n-th of the pairs of k things.
func pair(n, k int) (i, j int) {
	for i = range k {
		if n < k-1-i {
			return i, i + 1 + n
		}
		n -= k - 1 - i
	}
	return 0, 0
}

// plain gives a message what it needs to get past the first check.
func (b *bounds) plain(msg protoreflect.Message, depth int) {
	fields := msg.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		switch {
		case fd.IsList() || fd.IsMap() || fd.ContainingOneof() != nil && b.IntN(2) == 0:
		case fd.Message() != nil:
			if depth > 0 && b.IntN(2) == 0 && fd.Message().FullName() != "google.protobuf.Value" {
				b.plain(msg.Mutable(fd).Message(), depth-1)
			}
		case fd.Name() == "namespace":
		case fd.Kind() == protoreflect.StringKind:
			msg.Set(fd, protoreflect.ValueOfString([]string{"a", "key", "fuzz"}[b.IntN(3)]))
		case fd.Kind() == protoreflect.BytesKind:
			msg.Set(fd, protoreflect.ValueOfBytes([]byte([]string{"a", "key", "keyz"}[b.IntN(3)])))
		case fd.Kind() == protoreflect.Int64Kind && len(b.known) > 0 && b.IntN(2) == 0:
			msg.Set(fd, protoreflect.ValueOfInt64(b.known[b.IntN(len(b.known))]))
		}
	}
}

// bound puts a field at one of its bounds.
func (b *bounds) bound(msg protoreflect.Message, fd protoreflect.FieldDescriptor, depth int) {
	switch {
	case b.IntN(12) == 0:
		msg.Clear(fd)
	case fd.IsMap():
		b.entries(msg.Mutable(fd).Map(), fd)
	case fd.IsList():
		b.elements(msg.Mutable(fd).List(), fd, depth)
	case fd.Message() != nil:
		b.message(msg.Mutable(fd).Message(), depth)
	default:
		msg.Set(fd, b.scalar(fd))
	}
}

// message puts some of a message's fields at their bounds.
func (b *bounds) message(msg protoreflect.Message, depth int) {
	fields := msg.Descriptor().Fields()
	if depth == 0 || fields.Len() == 0 {
		return
	}
	if b.IntN(2) == 0 {
		b.plain(msg, depth-1)
	}
	for range 1 + b.IntN(2) {
		b.bound(msg, fields.Get(b.IntN(fields.Len())), depth-1)
	}
}

// counts are lengths of lists: none, one, a pair that may be equal, and about the
// bounds of transactions and batches.
var counts = []int{0, 1, 2, 2, 3, 127, 129, 1001}

func (b *bounds) elements(list protoreflect.List, fd protoreflect.FieldDescriptor, depth int) {
	n := counts[b.IntN(len(counts))]
	if n > 3 && b.IntN(4) > 0 {
		n = 2
	}
	for range n {
		if fd.Message() == nil {
			list.Append(b.scalar(fd))
			continue
		}
		element := list.AppendMutable().Message()
		if n > 3 {
			b.plain(element, min(depth, 1))
		} else {
			b.message(element, depth)
		}
	}
}

func (b *bounds) entries(entries protoreflect.Map, fd protoreflect.FieldDescriptor) {
	for range counts[b.IntN(len(counts))] {
		if fd.MapValue().Message() == nil {
			entries.Set(b.scalar(fd.MapKey()).MapKey(), b.scalar(fd.MapValue()))
		}
	}
}

// encode writes a request, now and then as no encoder would. ok is false when it
// is not to be had as JSON.
func (b *bounds) encode(msg proto.Message) (raw, text []byte, ok bool) {
	raw, err := proto.Marshal(msg)
	if err != nil {
		return nil, nil, false
	}
	text, err = protojson.Marshal(msg)
	raw = bytes.ReplaceAll(raw, []byte(markText), []byte(badText))
	text = bytes.ReplaceAll(text, markJSON, []byte(badText))
	if b.IntN(12) == 0 {
		raw = b.odd(raw, msg.ProtoReflect().Descriptor())
	}
	return raw, text, err == nil
}

// odd adds to an encoded message what the format allows or forbids, and nobody
// writes.
func (b *bounds) odd(raw []byte, d protoreflect.MessageDescriptor) []byte {
	var field protowire.Number = 1
	if d.Fields().Len() > 0 {
		field = d.Fields().Get(b.IntN(d.Fields().Len())).Number()
	}
	switch b.IntN(8) {
	case 0: // many fields that nobody knows
		for range 1000 {
			raw = protowire.AppendVarint(protowire.AppendTag(raw, 15_000, protowire.VarintType), 1)
		}
	case 1: // a group, and one that is not closed
		raw = protowire.AppendTag(raw, field, protowire.StartGroupType)
	case 2: // a varint of eleven bytes
		raw = append(protowire.AppendTag(raw, field, protowire.VarintType), bytes.Repeat([]byte{0xff}, 11)...)
	case 3: // 64 MiB that do not follow
		raw = protowire.AppendVarint(protowire.AppendTag(raw, field, protowire.BytesType), 64<<20)
	case 4: // groups in groups
		raw = append(raw, bytes.Repeat([]byte{0x0b}, 10_000)...)
	case 5: // the same field once more, with the other wire types
		raw = protowire.AppendFixed64(protowire.AppendTag(raw, field, protowire.Fixed64Type), 1)
		raw = protowire.AppendFixed32(protowire.AppendTag(raw, field, protowire.Fixed32Type), 1)
	case 6: // the message inside itself
		for range 200 {
			inner := raw
			if len(inner) > 32<<10 {
				break
			}
			raw = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), inner)
		}
	default: // any byte
		if len(raw) > 0 {
			raw[b.IntN(len(raw))] ^= byte(1 << b.IntN(8))
		}
	}
	return raw
}

func newBounds(seed uint64) *bounds {
	return &bounds{Rand: rand.New(rand.NewPCG(seed, 5))}
}
