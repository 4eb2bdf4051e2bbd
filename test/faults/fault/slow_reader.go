package fault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

const (
	// perCall is how many keys each caller of slowReader writes with a call: a node keeps
	// only so many events for a watch that is not read.
	perCall = 16
	// callersAside write without overloading anybody, so that much is written.
	callersAside = 64
	// leastUnread is how long nothing is read at least: in less time not enough is written.
	leastUnread = 2 * time.Second
)

// slowReader has a watch that is not read while much is written. It has to tell all of
// it nevertheless, in order and once: who is slow may be sent what was stored meanwhile,
// and loses nothing in silence (etcd #17529).
func (s *Scene) slowReader(ctx context.Context) error {
	writer, err := s.aside(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = writer.Close() }()
	// Without a stream of its own the SDK would end a watch that is not read, and begin it
	// again, before the node has too much for it.
	watcher, err := s.aside(ctx, conclave.WithoutPipeline())
	if err != nil {
		return err
	}
	defer func() { _ = watcher.Close() }()
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.AfterFunc(patience, cancel)
	defer late.Stop()
	first, err := writer.Put(watching, "slow", "")
	if err != nil {
		return err
	}
	u := newUnread(watcher.Watch(watching, "slow", conclave.WithPrefix(), conclave.FromRevision(first)))
	defer u.stop()
	if wrong := u.readTo(first, 1); wrong != "" {
		if ctx.Err() == nil {
			s.complain("a watch from revision %d on %s", first, wrong)
		}
		return s.nothing()
	}
	s.begin("a watch that is not read", false)
	written := s.writeMuch(ctx, writer, max(s.Hold, leastUnread))
	if len(written) == 0 {
		return s.nothing()
	}
	late.Reset(patience)
	if wrong := u.catchUp(written); wrong != "" && ctx.Err() == nil {
		s.complain("a watch that was not read during %d writes %s", len(written), wrong)
	}
	return nil
}

// writeMuch writes for a while and returns the revisions of what was acknowledged.
func (s *Scene) writeMuch(ctx context.Context, client *conclave.Client, during time.Duration) (written []conclave.Revision) {
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	value := strings.Repeat("x", 1<<10)
	var mu sync.Mutex // protects written
	var callers sync.WaitGroup
	for i := range callersAside {
		var puts []conclave.Op
		for j := range perCall {
			puts = append(puts, conclave.OpPut(fmt.Sprintf("slow/%d/%d", i, j), value))
		}
		callers.Go(func() {
			for ctx.Err() == nil {
				done, err := client.Txn().Then(puts...).Commit(ctx)
				if err != nil {
					continue
				}
				mu.Lock()
				written = append(written, done.Revision)
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	return written
}

// unread is a watch of which nothing is read for a while.
type unread struct {
	next func() (conclave.Event, error, bool)
	stop func()
	last conclave.Revision
	told map[conclave.Revision]map[string]bool // the keys of each revision
}

// newUnread makes one that is closed by stop. The watch begins with the first read.
func newUnread(events iter.Seq2[conclave.Event, error]) *unread {
	u := &unread{told: map[conclave.Revision]map[string]bool{}}
	u.next, u.stop = iter.Pull2(events)
	return u
}

// readTo reads up to a revision and so many changes of it, and says what is wrong with
// what was told. Where the past is compacted there is nothing to say.
func (u *unread) readTo(to conclave.Revision, changes int) (wrong string) {
	for u.last < to || u.last == to && len(u.told[to]) < changes {
		event, err, more := u.next()
		switch {
		case errors.Is(err, conclave.ErrCompacted):
			return ""
		case err != nil || !more:
			return fmt.Sprintf("ended, or was told nothing more in %v, at revision %d of %d: %v", patience, u.last, to, err)
		case event.Revision < u.last:
			return fmt.Sprintf("told revision %d after %d", event.Revision, u.last)
		case u.told[event.Revision][event.KV.Key]:
			return fmt.Sprintf("told %s at revision %d twice", event.KV.Key, event.Revision)
		}
		u.last = event.Revision
		if u.told[u.last] == nil {
			u.told[u.last] = map[string]bool{}
		}
		u.told[u.last][event.KV.Key] = true
	}
	return ""
}

// catchUp reads up to the last of some writes, each of which is a revision with perCall
// changes, and says what is wrong with what was told.
func (u *unread) catchUp(writes []conclave.Revision) (wrong string) {
	last := slices.Max(writes)
	if wrong := u.readTo(last, perCall); wrong != "" || u.last < last {
		return wrong
	}
	for _, w := range writes {
		if told := len(u.told[w]); told != perCall {
			return fmt.Sprintf("told %d of the %d changes of the acknowledged revision %d, and then of %d", told, perCall, w, u.last)
		}
	}
	return ""
}
