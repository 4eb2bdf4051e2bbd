//go:build linux

package link

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSeed: the same seed decides the same, and each direction something else.
func TestSeed(t *testing.T) {
	fates := func(from, to int, seed uint64) (drops []bool) {
		l := newLine(from, to, seed)
		l.set(Rule{Loss: 0.5})
		for range 64 {
			drops = append(drops, l.decide(0, 100).drop)
		}
		return drops
	}
	if diff := cmp.Diff(fates(0, 1, 7), fates(0, 1, 7)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(fates(0, 1, 7), fates(1, 0, 7)) || cmp.Equal(fates(0, 1, 7), fates(0, 1, 8)) {
		t.Error("other directions or seeds decide the same")
	}
}

func TestBacklogIsBounded(t *testing.T) {
	l := newLine(0, 1, 7)
	l.set(Rule{BytesPerSecond: 1000})
	kept := 0
	for range 10_000 {
		if !l.decide(0, 1000).drop {
			kept++
		}
	}
	if kept < minBacklog/1000 || kept > minBacklog/1000+2 {
		t.Errorf("%d packets of 1,000 bytes wait", kept)
	}
}

func TestJitterKeepsTheOrder(t *testing.T) {
	l := newLine(0, 1, 7)
	l.set(Rule{Delay: time.Millisecond, Jitter: 50 * time.Millisecond})
	var before time.Duration
	for now := range 1000 {
		at := l.decide(time.Duration(now), 100).at[0]
		if at < before || at < time.Duration(now)+time.Millisecond {
			t.Fatalf("packet %d comes at %v, the one before at %v", now, at, before)
		}
		before = at
	}
}

func TestQueueKeepsTheOrder(t *testing.T) {
	var q queue
	for i, at := range []time.Duration{3, 1, 2, 1, 3} {
		q.push(nil, []byte{byte(i)}, at)
	}
	var order []byte
	for q.Len() > 0 {
		order = append(order, q.next().packet...)
	}
	if want := []byte{1, 3, 2, 0, 4}; !bytes.Equal(order, want) {
		t.Errorf("got %v, want %v", order, want)
	}
}

// packet is one of TCP with some bytes of data.
func packet(f flow, flags byte, sequence, acked uint32, data int) []byte {
	p := append(resetPacket(f, sequence), make([]byte, data)...)
	p[headerSize+13] = flags
	binary.BigEndian.PutUint32(p[headerSize+8:], acked)
	return p
}

// TestFlows: a connection is known from its first packet to the end of both sides.
func TestFlows(t *testing.T) {
	there := flow{[4]byte{10, 77, 0, 1}, [4]byte{10, 77, 0, 2}, 40000, 7400}
	back := there.back()
	x := &exchange{flows: make(map[flow]*progress)}
	x.follow(packet(there, flagACK, 500, 1, 10))
	if len(x.flows) != 0 {
		t.Error("a straggler made a connection")
	}
	x.follow(packet(there, flagSYN, 1<<32-3, 0, 0))
	x.follow(packet(back, flagSYN|flagACK, 700, 1<<32-2, 0))
	x.follow(packet(there, flagACK, 1<<32-2, 701, 10))
	x.follow(packet(there, flagACK, 1<<32-2, 701, 4)) // once more, and shorter
	if got, want := *x.flows[there], (progress{next: 8, acked: 701}); got != want {
		t.Errorf("there: %+v, want %+v", got, want)
	}
	x.follow(packet(back, flagFIN|flagACK, 701, 8, 0))
	if got, want := *x.flows[back], (progress{next: 702, acked: 8, finished: true}); got != want {
		t.Errorf("back: %+v, want %+v", got, want)
	}
	x.follow(packet(there, flagFIN|flagACK, 8, 702, 0))
	if len(x.flows) != 0 {
		t.Errorf("%d flows are left of a connection that has ended", len(x.flows))
	}
}

func TestResetPacketIsSound(t *testing.T) {
	p := resetPacket(flow{[4]byte{10, 77, 0, 1}, [4]byte{10, 77, 0, 2}, 40000, 7400}, 123456789)
	if got := sum(0, p[:headerSize]); got != 0xffff {
		t.Errorf("the sum of the header is %#x", got)
	}
	if got := sum(6+20, p[sourceOffset:]); got != 0xffff {
		t.Errorf("the sum of the segment is %#x", got)
	}
}
