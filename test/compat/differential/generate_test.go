package differential

import (
	"bytes"
	"math"
	"math/rand/v2"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// generator makes scripts. It knows nothing of the answers: a script is decided
// before it runs, so that any part of it can be run too.
type generator struct {
	*rand.Rand
	script script
	// history lets watches begin thousands of revisions ago: compactions are rare.
	history bool
	// slots is how many leases were granted without an id, leaders how many
	// campaigns there were.
	slots, leaders int
}

// generate makes the script of a seed.
func generate(seed uint64, operations int) script {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0x65746364))}
	g.script.streams = 3
	if seed%4 == 0 {
		g.script.streams = 1
	}
	g.history = seed%3 == 0
	g.script.leader = seed%5 == 0
	// A fresh store is the only one with a revision 0 to compact.
	if g.one(2) {
		g.add(&pb.CompactionRequest{})
	}
	expiry, large := g.IntN(operations+1), g.IntN(operations+1)
	for n := 0; n < operations; n++ {
		switch n {
		case expiry:
			g.expiringLease()
		case large:
			g.largeValues()
		}
		g.anything()
	}
	g.everything()
	return g.script
}

func (g *generator) add(request message) { g.addTo(operation{request: request}) }

func (g *generator) addTo(o operation) { g.script.operations = append(g.script.operations, o) }

// anything adds one operation, each kind as often as it seems worth.
func (g *generator) anything() {
	compactions := 12
	if g.history {
		compactions = 1
	}
	kinds := []struct {
		weight int
		add    func()
	}{
		{210, func() { g.add(g.put()) }},
		{220, func() { g.add(g.rangeRequest()) }},
		{40, func() { g.addTo(operation{request: g.streamable(), streamed: true}) }},
		{60, func() { g.add(g.deleteRange()) }},
		{190, func() { g.add(g.txn(3)) }},
		{compactions, func() { g.add(g.compaction()) }},
		{35, g.grant},
		{25, func() { g.add(&pb.LeaseRevokeRequest{ID: g.leaseID()}) }},
		{25, func() { g.add(&pb.LeaseKeepAliveRequest{ID: g.leaseID()}) }},
		{30, func() { g.add(&pb.LeaseTimeToLiveRequest{ID: g.leaseID(), Keys: g.one(2)}) }},
		{8, func() { g.add(&pb.LeaseLeasesRequest{}) }},
		{40, g.watch},
		{20, g.cancelWatch},
		{8, g.progress},
		{40, g.line},
		{2, func() { g.addTo(operation{request: &pb.WatchRequest{}, stream: g.stream()}) }},
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := g.IntN(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			k.add()
			return
		}
	}
}

// everything reads all that is there in the end, and some of what was.
func (g *generator) everything() {
	all := []byte{0}
	for range 10 {
		g.add(&pb.RangeRequest{Key: all, RangeEnd: all, Revision: atHead - int64(g.IntN(200))})
	}
	g.add(&pb.RangeRequest{Key: all, RangeEnd: all})
	g.add(&pb.LeaseLeasesRequest{})
	for _, id := range explicitLeases {
		g.add(&pb.LeaseTimeToLiveRequest{ID: id, Keys: true})
	}
	for slot := range g.slots {
		g.add(&pb.LeaseTimeToLiveRequest{ID: leaseSlot + int64(slot), Keys: true})
	}
	g.add(&pb.DeleteRangeRequest{Key: all, RangeEnd: all, PrevKv: true})
	g.add(&pb.RangeRequest{Key: all, RangeEnd: all})
}

// one is true once in n times.
func (g *generator) one(n int) bool { return g.IntN(n) == 0 }

// some picks one.
func some[T any](g *generator, of ...T) T { return of[g.IntN(len(of))] }

// often are the keys that most operations are about; rare are those in which
// bytes are handled badly if anywhere, and enough others to make ranges long.
var (
	often = []string{"a", "a/1", "a/2", "b", "b/1", "c"}
	rare  = []string{
		"\x00", "\x00\x00", "0", "a\x00", "a\x00\x00", "a/", "a/1/x", "a\xff", "a\xff\xff", "b\xc3", "d", "e", "e/1", "e/2", "e/3",
		"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "ключ", "\xfe", "\xff", "\xff\xff", "\xff\xff\xff",
	}
	values = []string{"", "", "0", "1", "2", "x", "value", "\x00", "\xff\xfe", string(bytes.Repeat([]byte("long "), 60))}
)

func (g *generator) key() []byte {
	switch {
	case g.one(120):
		return nil
	case g.one(60):
		return bytes.Repeat([]byte("k"), 1+g.IntN(700))
	case g.one(3):
		return []byte(some(g, rare...))
	default:
		return []byte(some(g, often...))
	}
}

func (g *generator) value() []byte { return []byte(some(g, values...)) }

// rangeEnd is every form that a range can have, for a key.
func (g *generator) rangeEnd(key []byte) []byte {
	switch g.IntN(20) {
	case 0, 1, 2, 3:
		return prefixEnd(key)
	case 4, 5:
		return []byte{0}
	case 6, 7, 8:
		return g.key() // before the key, or behind it
	case 9:
		return key
	case 10:
		return append(bytes.Clone(key), 0)
	case 11:
		return []byte{0xff}
	default:
		return nil
	}
}

func prefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return []byte{0}
}

// revision is any that a request may name: now, then, never.
func (g *generator) revision() int64 {
	switch g.IntN(24) {
	case 0, 1, 2:
		return atHead
	case 3, 4, 5, 6, 7, 8:
		return atHead - int64(g.IntN(40))
	case 9:
		return atHead - int64(g.IntN(2000))
	case 10:
		return atHead + 1 + int64(g.IntN(3))
	case 11, 12:
		return atCompacted + int64(g.IntN(3)) - 1
	case 13:
		return int64(1 + g.IntN(3))
	case 14:
		return some[int64](g, -1, -2, math.MinInt64, math.MaxInt64, 1<<40)
	default:
		return 0
	}
}

// bound is a revision for filters; mostly there is none.
func (g *generator) bound() int64 {
	if g.one(8) {
		return g.revision()
	}
	return 0
}

// explicitLeases are ids that clients choose. Only 0 means that they do not.
var explicitLeases = []int64{7, 8, 9, -3, 1 << 40, math.MaxInt64, math.MinInt64}

func (g *generator) leaseID() int64 {
	switch {
	case g.one(30):
		return some[int64](g, 0, -1, 99, noSuchLease)
	case g.slots > 0 && g.one(2):
		return leaseSlot + int64(max(0, g.slots-1-g.IntN(6)))
	default:
		return some(g, explicitLeases...)
	}
}
