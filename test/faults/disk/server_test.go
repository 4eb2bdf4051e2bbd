//go:build linux

package disk

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/disk/damage"
	"github.com/conclavehq/conclave/test/faults/single"
)

// A node loses its power again and again under writes. Each time it starts again,
// and all that it had ever acknowledged is there.
//
// Promise D1.
func TestServerKeepsWhatItAcknowledged(t *testing.T) {
	d := makeDisk(t, 512<<20)
	n := single.Prepare(t, filepath.Join(d.Path(), "data"))
	const losses = 4
	acked := make(map[string]string)
	for round := range losses {
		n.Start()
		w := startPuts(t, n.URL, round)
		w.reach(100 + 60*round)
		ok(t, d.PowerLoss(n.PID()))
		n.Kill()
		w.stop(acked)
		ok(t, d.Remount())
	}
	n.Start()
	lost := lostPuts(t, n.URL, acked)
	t.Logf("%d power losses, %d acknowledged puts, %d lost", losses, len(acked), lost)
	if lost > 0 {
		t.Error("acknowledged puts were lost")
	}
}

// The control: when syncs do nothing, acknowledged puts get lost, or the node
// cannot start any more.
func TestServerLosesWithoutSyncs(t *testing.T) {
	needStrace(t)
	d := makeDisk(t, 512<<20)
	n := single.Prepare(t, filepath.Join(d.Path(), "data"))
	n.Start()
	in, err := d.Inject(n.PID(), Injection{Calls: []string{"fsync", "fdatasync"}, Lie: true})
	ok(t, err)
	w := startPuts(t, n.URL, 0)
	w.reach(300)
	ok(t, d.PowerLoss(n.PID()))
	n.Kill()
	acked := make(map[string]string)
	w.stop(acked)
	ok(t, in.Stop())
	ok(t, d.Remount())
	if err := n.TryStart(); err != nil {
		t.Logf("%d acknowledged puts, and the node does not start: %v", len(acked), err)
		return
	}
	lost := lostPuts(t, n.URL, acked)
	t.Logf("%d acknowledged puts, %d lost; %d syncs were not done", len(acked), lost, in.Hits())
	if lost == 0 {
		t.Error("nothing was lost although nothing was synced: the fault has no teeth")
	}
}

// The disk runs full under writes. Whatever the node does then, once there is room
// again and it was restarted, it has all that it had acknowledged.
//
// Promise D1.
func TestServerOnAFullDisk(t *testing.T) {
	d := makeDisk(t, testBytes)
	n := single.Prepare(t, filepath.Join(d.Path(), "data"))
	n.Start()
	w := startPuts(t, n.URL, 0)
	w.reach(100)
	ok(t, d.Fill())
	select {
	case <-n.Ended():
		t.Logf("the node ended; %d puts were acknowledged", w.count())
	case <-time.After(3 * time.Second):
		t.Logf("the node goes on; %d puts were acknowledged", w.count())
	}
	ok(t, d.Free())
	n.Kill()
	acked := make(map[string]string)
	w.stop(acked)
	n.Start()
	if lost := lostPuts(t, n.URL, acked); lost > 0 {
		t.Errorf("%d of %d acknowledged puts were lost", lost, len(acked))
	}
}

// A real data directory has files of each kind that the damages are for.
func TestServerHasWhatCanBeDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	n := single.Prepare(t, dir)
	// Tables are written when there is enough, and when a log is replayed at a start.
	for round := range 3 {
		n.Start()
		w := startPuts(t, n.URL, round)
		w.reach(500)
		n.Kill()
		w.stop(make(map[string]string))
	}
	for _, kind := range damage.Kinds() {
		files, err := damage.Files(dir, kind)
		ok(t, err)
		t.Logf("%s: %d %v", kind, len(files), files)
		if len(files) == 0 && kind != damage.Snapshot && kind != damage.StateTable {
			t.Errorf("there is no %s", kind)
		}
	}
}

// A sync or a write that fails ends the process.
//
// Promise S3.
func TestServerEndsOnErrors(t *testing.T) {
	needStrace(t)
	d := makeDisk(t, 512<<20)
	n := single.Prepare(t, filepath.Join(d.Path(), "data"))
	acked := make(map[string]string)
	for round, call := range []string{"fdatasync", "write"} {
		n.Start()
		w := startPuts(t, n.URL, round)
		w.reach(50)
		in, err := d.Errors(n.PID(), call, unix.EIO, "")
		ok(t, err)
		begin := time.Now()
		select {
		case <-n.Ended():
			t.Logf("%s: the node ended within %v, %d calls were hit", call, time.Since(begin).Round(time.Millisecond), in.Hits())
		case <-time.After(patience):
			t.Errorf("%s: the node goes on; %d calls were hit", call, in.Hits())
		}
		n.Kill()
		ok(t, in.Stop())
		w.stop(acked)
	}
	n.Start()
	if lost := lostPuts(t, n.URL, acked); lost > 0 {
		t.Errorf("%d of %d acknowledged puts were lost", lost, len(acked))
	}
}

// puts are clients that put one new key after the other.
type puts struct {
	t      *testing.T
	cancel context.CancelFunc
	all    sync.WaitGroup
	more   chan struct{} // has an element after news

	mu    sync.Mutex
	acked map[string]string
}

func startPuts(t *testing.T, url string, round int) *puts {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p := &puts{t: t, cancel: cancel, more: make(chan struct{}, 1), acked: make(map[string]string)}
	client, err := conclave.Dial(ctx, []string{url})
	ok(t, err)
	t.Cleanup(func() { cancel(); _ = client.Close() })
	for worker := range 8 {
		p.all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				key, value := fmt.Sprintf("k/%02d/%d/%06d", round, worker, i), strings.Repeat(fmt.Sprint(i, " "), 50)
				if _, err := client.Put(ctx, key, value); err == nil {
					p.add(key, value)
				}
			}
		})
	}
	return p
}

func (p *puts) add(key, value string) {
	p.mu.Lock()
	p.acked[key] = value
	p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
}

func (p *puts) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acked)
}

// reach waits until so many puts were acknowledged.
func (p *puts) reach(n int) {
	p.t.Helper()
	deadline := time.After(patience)
	for p.count() < n {
		select {
		case <-p.more:
		case <-deadline:
			p.t.Fatalf("%d puts were acknowledged within %v, want %d", p.count(), patience, n)
		}
	}
}

// stop ends the clients and adds what was acknowledged.
func (p *puts) stop(acked map[string]string) {
	p.cancel()
	p.all.Wait()
	for key, value := range p.acked {
		acked[key] = value
	}
}

// lostPuts counts the puts that cannot be read.
func lostPuts(t *testing.T, url string, acked map[string]string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client, err := conclave.Dial(ctx, []string{url})
	ok(t, err)
	defer func() { _ = client.Close() }()
	lost := 0
	for key, value := range acked {
		if kv, err := client.Get(ctx, key); err != nil || kv.String() != value {
			if lost++; lost < 5 {
				t.Logf("%s: %d bytes, %v", key, len(kv.Value), err)
			}
		}
	}
	return lost
}
