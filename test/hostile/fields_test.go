package hostile

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Marks stand for what the encoder would refuse to write, until it has written
// them: text that is not UTF-8, of the same length.
const (
	markText = "\x01\x02not-utf8"
	badText  = "\xff\xfe\xc0\xaf\xed\xa0\x80\xf8\x88\x80"
)

var (
	markJSON = []byte(`\u0001\u0002not-utf8`)
	integers = []int64{math.MinInt64, math.MinInt32, -1, 0, 1, 2, 1000, 1 << 31, 1<<53 + 1, math.MaxInt64}
	// names are those of things that exist or may, and what cannot be a name.
	names = []string{"", "a", "default", "fuzz", "nothing", "a\x00b", "\x00", "/", "..", "../../etc/passwd", markText,
		"\u202e", "a b", strings.Repeat("n", 64), strings.Repeat("n", 255), strings.Repeat("k", 4096), strings.Repeat("k", 4097)}
	blobs = [][]byte{nil, {}, {0}, {'a'}, bytes.Repeat([]byte{0xff}, 16), []byte("key"), []byte("keyz"),
		bytes.Repeat([]byte{'k'}, 4096), bytes.Repeat([]byte{'k'}, 4097)}
	// large values are few, so that a run is not all about copying.
	large = []int{64 << 10, 1 << 20, 1<<20 + 1, 3<<19 + 1, 2<<20 + 1}
)

// bounds chooses values at the bounds of fields.
type bounds struct {
	*rand.Rand
	// known are ids, tokens and revisions that answers have told.
	known []int64
}

// scalar is a value for a field that is no message.
func (b *bounds) scalar(fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(b.IntN(2) == 0)
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		pick := []protoreflect.EnumNumber{-1, 999, math.MaxInt32, math.MinInt32}
		if b.IntN(3) > 0 {
			return protoreflect.ValueOfEnum(values.Get(b.IntN(values.Len())).Number())
		}
		return protoreflect.ValueOfEnum(pick[b.IntN(len(pick))])
	case protoreflect.StringKind:
		if b.IntN(200) == 0 {
			return protoreflect.ValueOfString(strings.Repeat("s", large[b.IntN(len(large))]))
		}
		return protoreflect.ValueOfString(names[b.IntN(len(names))])
	case protoreflect.BytesKind:
		if b.IntN(200) == 0 {
			return protoreflect.ValueOfBytes(make([]byte, large[b.IntN(len(large))]))
		}
		return protoreflect.ValueOfBytes(bytes.Clone(blobs[b.IntN(len(blobs))]))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64([]float64{0, -1, math.Inf(1), math.NaN(), math.MaxFloat64}[b.IntN(5)])
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32([]float32{0, -1, float32(math.Inf(-1)), math.MaxFloat32}[b.IntN(4)])
	}
	return b.integer(fd.Kind())
}

func (b *bounds) integer(kind protoreflect.Kind) protoreflect.Value {
	n := integers[b.IntN(len(integers))]
	if len(b.known) > 0 && b.IntN(3) == 0 {
		n = b.known[b.IntN(len(b.known))] + int64(b.IntN(3)) - 1
	}
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	default:
		return protoreflect.ValueOfInt64(n)
	}
}

// learn keeps numbers that an answer told.
func (b *bounds) learn(n int64) {
	if n <= 0 || n > 1<<53 {
		return
	}
	if len(b.known) < 64 {
		b.known = append(b.known, n)
		return
	}
	b.known[b.IntN(len(b.known))] = n
}
