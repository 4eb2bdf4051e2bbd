//go:build linux

package link

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// post is an endpoint's socket for numbered datagrams.
type post struct {
	t    testing.TB
	net  *Network
	name string
	conn *net.UDPConn
	sent map[Way]int64
	got  chan parcel
}

type parcel struct {
	number uint32
	at     time.Time
}

// open makes a socket in the namespace of an endpoint, which notes what arrives.
func open(t testing.TB, n *Network, name string) *post {
	t.Helper()
	p := &post{t: t, net: n, name: name, sent: make(map[Way]int64), got: make(chan parcel, 1<<16)}
	err := n.In(name, func() (err error) {
		p.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: n.Address(name).AsSlice(), Port: 4000})
		if err != nil {
			return err
		}
		return enlarge(p.conn)
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = p.conn.Close(); <-done })
	go func() {
		defer close(done)
		buffer := make([]byte, 64)
		for {
			if _, _, err := p.conn.ReadFromUDPAddrPort(buffer); err != nil {
				return
			}
			p.got <- parcel{binary.BigEndian.Uint32(buffer), time.Now()}
		}
	}()
	return p
}

// enlarge makes room for all that a test sends, since a switch that had to wait for
// its turn delivers much at a time.
func enlarge(conn *net.UDPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	})
	return errors.Join(err, set)
}

// send sends datagrams with the numbers from..from+count-1. It waits now and then,
// so that no queue of a kernel overflows.
func (p *post) send(to *post, from, count int) {
	p.t.Helper()
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for i := range count {
		if i%20 == 19 {
			<-pace.C
		}
		message := binary.BigEndian.AppendUint32(nil, uint32(from+i))
		if _, err := p.conn.WriteTo(message, to.conn.LocalAddr()); err != nil {
			p.t.Fatal(err)
		}
		p.sent[Way{p.name, to.name}]++
	}
}

// last is the number that ends what a test looks at.
const last = 1 << 30

// collect waits until the switch is done with what was sent from somewhere, sends the
// last number from a place without faults, and returns what came before it.
func (p *post) collect(from, clean *post) (all []parcel) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	way := Way{from.name, p.name}
	for done := int64(-1); done < from.sent[way]; {
		counts, err := p.net.Counts()
		if err != nil || ctx.Err() != nil {
			p.t.Fatalf("the switch is done with %d of %d: %v", done, from.sent[way], errors.Join(err, ctx.Err()))
		}
		done = counts[way].Packets + counts[way].Dropped - counts[way].Duplicated
	}
	clean.send(p, last, 1)
	for {
		select {
		case got := <-p.got:
			if got.number == last {
				return all
			}
			all = append(all, got)
		case <-ctx.Done():
			p.t.Fatalf("only %d datagrams came, and not the last one", len(all))
		}
	}
}

func set(t testing.TB, n *Network, from, to string, r Rule) {
	t.Helper()
	if err := n.Set(from, to, r); err != nil {
		t.Fatal(err)
	}
}

func TestCutOneWay(t *testing.T) {
	n := network(t, "n1", "n2", "n3")
	a, b, c := open(t, n, "n1"), open(t, n, "n2"), open(t, n, "n3")
	set(t, n, "n1", "n2", Rule{Cut: true})
	a.send(b, 0, 100)
	b.send(a, 0, 100)
	if got := b.collect(a, c); len(got) != 0 {
		t.Errorf("%d came through a cut", len(got))
	}
	if got := a.collect(b, c); len(got) != 100 {
		t.Errorf("%d of 100 came in the direction that is not cut", len(got))
	}
	counts, err := n.Counts()
	if err != nil {
		t.Fatal(err)
	}
	if got := counts[Way{"n1", "n2"}]; got.Dropped != 100 || got.Packets != 0 {
		t.Errorf("counted %+v", got)
	}
	if err := n.Clear(); err != nil {
		t.Fatal(err)
	}
	a.send(b, 0, 100)
	if got := b.collect(a, a); len(got) != 100 {
		t.Errorf("%d of 100 came after the cut was healed", len(got))
	}
}

func TestCutAll(t *testing.T) {
	n := network(t, "n1", "n2")
	a, b, c := open(t, n, "n1"), open(t, n, "n2"), open(t, n, Clients)
	rules := map[Way]Rule{{All, "n1"}: {Cut: true}, {"n1", All}: {Cut: true}, {Clients, "n1"}: {}}
	if err := n.SetAll(rules); err != nil {
		t.Fatal(err)
	}
	a.send(b, 0, 10)
	a.send(c, 0, 10)
	b.send(a, 0, 10)
	c.send(b, 20, 10)
	if got := a.collect(b, c); len(got) != 0 {
		t.Errorf("%d came to an endpoint that is cut off", len(got))
	}
	if got := b.collect(c, c); len(got) != 10 || got[0].number != 20 {
		t.Errorf("the others have got %v", got)
	}
	if got := c.collect(a, b); len(got) != 0 {
		t.Errorf("%d came from an endpoint that is cut off", len(got))
	}
}

func TestLossAndDuplicates(t *testing.T) {
	n := network(t, "n1", "n2")
	a, b, c := open(t, n, "n1"), open(t, n, "n2"), open(t, n, Clients)
	set(t, n, "n1", "n2", Rule{Loss: 0.3})
	a.send(b, 0, 2000)
	if got := len(b.collect(a, c)); got < 1280 || got > 1520 {
		t.Errorf("%d of 2000 came with a loss of 30 %%", got)
	}
	set(t, n, "n1", "n2", Rule{Duplicate: 0.3})
	a.send(b, 0, 2000)
	if got := len(b.collect(a, c)); got < 2480 || got > 2720 {
		t.Errorf("%d of 2000 came with 30 %% sent twice", got)
	}
}

func TestDelay(t *testing.T) {
	n := network(t, "n1", "n2")
	a, b := open(t, n, "n1"), open(t, n, "n2")
	set(t, n, "n1", "n2", Rule{Delay: 30 * time.Millisecond, Jitter: 20 * time.Millisecond})
	began := time.Now()
	a.send(b, 0, 200)
	took := time.Since(began)
	got := b.collect(a, a)
	if len(got) != 200 {
		t.Fatalf("%d of 200 came", len(got))
	}
	for i, p := range got {
		if p.number != uint32(i) {
			t.Fatalf("datagram %d came as number %d", p.number, i)
		}
	}
	if first := got[0].at.Sub(began); first < 30*time.Millisecond {
		t.Errorf("the first one came after %v already", first)
	}
	// A loaded machine may be late, but not by as much as the delay.
	if end := got[199].at.Sub(began); end > took+time.Second {
		t.Errorf("the last one came %v after it was sent", end-took)
	}
}

func TestClearDeliversWhatWaits(t *testing.T) {
	n := network(t, "n1", "n2")
	a, b := open(t, n, "n1"), open(t, n, "n2")
	set(t, n, "n1", "n2", Rule{Delay: time.Hour})
	a.send(b, 0, 10)
	end := time.Now().Add(20 * time.Second)
	for counted := (Count{}); counted.Delayed < 10; {
		counts, err := n.Counts()
		if err != nil || time.Now().After(end) {
			t.Fatalf("%d of 10 wait: %v", counted.Delayed, err)
		}
		counted = counts[Way{"n1", "n2"}]
	}
	if err := n.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := b.collect(a, a); len(got) != 10 || got[9].number != 9 {
		t.Errorf("%v came", got)
	}
}

func TestReorder(t *testing.T) {
	n := network(t, "n1", "n2")
	a, b := open(t, n, "n1"), open(t, n, "n2")
	set(t, n, "n1", "n2", Rule{Delay: 5 * time.Millisecond, Reorder: 0.2})
	a.send(b, 0, 1000)
	overtaken, seen := 0, make(map[uint32]bool)
	var newest uint32
	for _, p := range b.collect(a, a) {
		seen[p.number] = true
		if p.number < newest {
			overtaken++
		}
		newest = max(newest, p.number)
	}
	if len(seen) != 1000 || overtaken < 80 {
		t.Errorf("%d of 1000 came, %d were overtaken", len(seen), overtaken)
	}
}

func TestBandwidth(t *testing.T) {
	n := network(t, "n1", "n2")
	a, b := open(t, n, "n1"), open(t, n, "n2")
	set(t, n, "n1", "n2", Rule{BytesPerSecond: 32000}) // of packets of 32 bytes: 1,000 a second
	began := time.Now()
	a.send(b, 0, 300)
	got := b.collect(a, a)
	if len(got) != 300 {
		t.Fatalf("%d of 300 came", len(got))
	}
	if took := got[299].at.Sub(began); took < 290*time.Millisecond || took > 5*time.Second {
		t.Errorf("300 packets at 1,000 a second took %v", took)
	}
}
