package statemachine

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	dbsm "github.com/lni/dragonboat/v4/statemachine"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
	"github.com/conclavehq/conclave/statemachine/entry"
)

// bounded are the panics that stop a replica on purpose: what it was given is not
// known to it, or is no entry, and going on would make it differ from the others
// (promise S4). A leader proposes nothing of the kind.
var bounded = []string{"is unknown to this program", "are unknown to this program", "cannot be applied", "has fields that are unknown"}

// refusing turns such a panic into an answer, and lets others through.
func refusing(apply func()) (stopped bool) {
	defer func() {
		what := recover()
		if what == nil {
			return
		}
		text, _ := what.(string)
		for _, known := range bounded {
			if strings.Contains(text, known) {
				stopped = true
				return
			}
		}
		panic(what)
	}()
	apply()
	return false
}

// commandSeeds are commands of every kind, as the generator makes them up.
func commandSeeds(f *testing.F) {
	g := newGenerator(1)
	for _, name := range bodyNames() {
		c := &logv1.Command{NamespaceId: 1}
		bodies[name](g, c)
		data, err := c.MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(3))
	}
}

func bodyNames() []string {
	var names []string
	fields := (&logv1.Command{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for i := range fields.Len() {
		if name := string(fields.Get(i).Name()); bodies[name] != nil {
			names = append(names, name)
		}
	}
	return names
}

// Whatever a command says: it is carried out, refused, or stops the replica with
// the sentence for what it does not know. Two replicas do the same.
func FuzzApply(f *testing.F) {
	commandSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, before uint8) {
		command := &logv1.Command{}
		if err := command.UnmarshalVT(data); err != nil {
			return
		}
		switch command.GetBody().(type) {
		case *logv1.Command_ClaimEpoch, *logv1.Command_ComputeHash:
			return // the leader's own, with numbers that it counts itself
		}
		var hashes []string
		for range 2 {
			r := open(t, t.TempDir())
			g := newGenerator(uint64(before))
			for range before % 16 {
				r.do(g.command(bodyNames()))
			}
			index := r.Applied() + 1
			stopped := refusing(func() {
				r.do(command)
				index = r.Applied() + 1
				r.do(command, put("after", "x"))
			})
			if stopped {
				return
			}
			hashes = append(hashes, r.hashAt(index+1))
		}
		if hashes[0] != hashes[1] {
			t.Fatalf("two replicas that applied %v differ", command)
		}
	})
}

// An entry as it comes from the log: what is none stops the replica with its
// sentence.
func FuzzEntry(f *testing.F) {
	g := newGenerator(2)
	for range 8 {
		f.Add(batch(2, 1, 5, g.command(bodyNames()), g.command(bodyNames())).Cmd)
	}
	f.Add(entry.Append(nil, &logv1.Header{Epoch: 1 << 63, ClockMs: -1 << 63, WallMs: -1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := open(t, t.TempDir())
		r.update(claim(1, 1, 1))
		refusing(func() { _, _ = r.Update([]dbsm.Entry{{Index: 2, Cmd: data}}) })
	})
}

// Whatever is asked has an answer, a refusal or an error.
func FuzzQuery(f *testing.F) {
	for _, q := range []*logv1.Query{
		{NamespaceId: 1, Body: &logv1.Query_Range{Range: &logv1.Range{Key: []byte("k"), RangeEnd: []byte{0}, Limit: -1, Revision: 3}}},
		{NamespaceId: 1, Body: &logv1.Query_Range{Range: &logv1.Range{SortTarget: 99, SortOrder: -1, MaxModRevision: -5}}},
		{NamespaceId: 7, Body: &logv1.Query_Range{Range: &logv1.Range{}}},
	} {
		data, err := q.MarshalVT()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	d := (&logv1.Query{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for i := range d.Len() {
		q := (&logv1.Query{NamespaceId: 1}).ProtoReflect()
		q.Mutable(d.Get(i))
		data, err := proto.Marshal(q.Interface())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	r := open(f, f.TempDir())
	g := newGenerator(3)
	for range 200 {
		r.do(g.command(bodyNames()))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		q := &logv1.Query{}
		if err := q.UnmarshalVT(data); err == nil {
			_, _ = r.Query(t.Context(), q)
		}
	})
}

// A snapshot is taken whole or not at all, whatever was done to its bytes: at is
// flipped, and cut is where it ends.
func FuzzRecover(f *testing.F) {
	whole := func(tb testing.TB) (r *replica, snapshot []byte) {
		r = open(tb, tb.TempDir())
		g := newGenerator(4)
		for range 40 {
			r.do(g.command(bodyNames()))
		}
		return r, r.snapshot()
	}
	_, sample := whole(f)
	f.Add(uint32(0), uint8(0), uint32(len(sample)))
	f.Add(uint32(20), uint8(1), uint32(len(sample)))
	f.Add(uint32(0), uint8(0), uint32(len(sample)/2))
	f.Fuzz(func(t *testing.T, at uint32, flip uint8, cut uint32) {
		data := bytes.Clone(sample[:min(int(cut), len(sample))])
		if len(data) > 0 {
			data[int(at)%len(data)] ^= flip
		}
		r := open(t, t.TempDir())
		r.do(put("old", "state"))
		err := r.RecoverFromSnapshot(bytes.NewReader(data), make(chan struct{}))
		if intact := bytes.Equal(data, sample); intact != (err == nil) {
			t.Fatalf("a snapshot that is whole (%v): %v", intact, err)
		}
		if err != nil && r.get("old") != "state" {
			t.Fatalf("the old state is gone, and the new one is refused: %v", err)
		}
	})
}

// stored are the messages of the storage format.
func stored() (all []protoreflect.MessageType) {
	protoregistry.GlobalTypes.RangeMessages(func(m protoreflect.MessageType) bool {
		if m.Descriptor().ParentFile() != nil && m.Descriptor().ParentFile().Package() == "conclave.storage.v1" {
			if _, ok := m.New().Interface().(record); ok {
				all = append(all, m)
			}
		}
		return true
	})
	return all
}

// The generated decoders and those of the library agree about every stored value,
// and what is written again reads the same.
func FuzzStored(f *testing.F) {
	all := stored()
	if len(all) < 10 {
		f.Fatalf("there are %d messages only", len(all))
	}
	f.Add(mustEncode(&storagev1.ShardRecord{Format: 1, AppliedIndex: 1 << 62, ClockMs: 7}))
	f.Add(mustEncode(&storagev1.NamespaceRecord{Revision: 9, Dropped: true}))
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range all {
			fast, plain := m.New().Interface(), m.New().Interface()
			err := fast.(record).UnmarshalVT(data)
			if again := proto.Unmarshal(data, plain); err == nil && again == nil && !equal(fast, plain) {
				t.Fatalf("%x is %v, and %v", data, fast, plain)
			}
			if err != nil {
				continue
			}
			next := m.New().Interface()
			if err := next.(record).UnmarshalVT(mustEncode(fast.(record))); err != nil || !equal(fast, next) {
				t.Fatalf("%v comes back as %v: %v", fast, next, err)
			}
		}
	})
}

// equal compares messages but for fields that are not known to this program.
func equal(a, b proto.Message) bool {
	return proto.Equal(a, b) || len(a.ProtoReflect().GetUnknown())+len(b.ProtoReflect().GetUnknown()) > 0
}

// A hash of what is stored depends on the bytes alone, takes time in proportion to
// them, and not on the order of a message's fields.
func FuzzFold(f *testing.F) {
	f.Add([]byte("\x0a\x03abc\x10\x05"), uint64(1))
	f.Add(bytes.Repeat([]byte{0x0b}, 100), uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) > 64<<10 {
			return
		}
		first := fold(data, foldDepth)
		if second := fold(bytes.Clone(data), foldDepth); first != second {
			t.Fatal(errors.New("the same bytes have two hashes"))
		}
		if len(data) > 0 {
			other := bytes.Clone(data)
			other[rand.New(rand.NewPCG(seed, 1)).IntN(len(other))] ^= 1
			_ = fold(other, foldDepth)
		}
	})
}
