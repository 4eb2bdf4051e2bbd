package fault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	conclave "github.com/conclavehq/conclave/sdk"
)

const (
	// perCall is how many keys each caller of slowReader writes with a call: a node keeps
	// only so many events for a watch that is not read.
	perCall = 16
	// callersAside is how many callers write; they are served as fast as can be.
	callersAside = 64
)

// slowReader has a watch that is not read while much is written. It has to tell all of
// it nevertheless, in order and once: who is slow may be sent what was stored meanwhile,
// and loses nothing in silence (etcd #17529).
func (s *Scene) slowReader(run context.Context) error {
	ctx, cancel := context.WithTimeout(run, patience)
	defer cancel()
	writer, err := s.aside(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = writer.Close() }()
	// A watch that shares a stream with others would be taken from it.
	watcher, err := s.aside(ctx, conclave.WithoutPipeline())
	if err != nil {
		return err
	}
	defer func() { _ = watcher.Close() }()
	first, err := writer.Put(ctx, "slow/", "")
	if err != nil {
		return err
	}
	w, err := newUnread(watcher.Watch(ctx, "slow/", conclave.WithPrefix(), conclave.FromRevision(first)))
	if err != nil {
		return err
	}
	defer w.stop()
	s.begin("a watch that is not read", false)
	written := s.writeMuch(ctx, writer)
	if wrong := w.catchUp(written); wrong != "" && run.Err() == nil {
		s.complain("a watch that was not read for %v, while there were %d writes, %s", s.Hold, len(written), wrong)
	}
	return nil
}

// writeMuch writes for as long as the harm lasts, and returns the revisions of what was
// acknowledged.
func (s *Scene) writeMuch(ctx context.Context, client *conclave.Client) (written []conclave.Revision) {
	ctx, cancel := context.WithTimeout(ctx, s.Hold)
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
	told map[conclave.Revision]int // events of each revision
}

// newUnread begins a watch and reads its first event. It is closed by stop.
func newUnread(events iter.Seq2[conclave.Event, error]) (*unread, error) {
	u := &unread{told: map[conclave.Revision]int{}}
	u.next, u.stop = iter.Pull2(events)
	if _, err := u.read(); err != nil {
		u.stop()
		return nil, err
	}
	return u, nil
}

// read takes one event and says what is wrong with its place.
func (u *unread) read() (wrong string, err error) {
	event, err, more := u.next()
	switch {
	case !more:
		return "", errors.New("the watch ended")
	case err != nil:
		return "", err
	case event.Revision < u.last:
		return fmt.Sprintf("told revision %d after %d", event.Revision, u.last), nil
	}
	u.last = event.Revision
	u.told[u.last]++
	return "", nil
}

// catchUp reads up to the last of some writes and says what is wrong with what was
// told: each of them is a revision with perCall events. Where the past is compacted there
// is nothing to say.
func (u *unread) catchUp(writes []conclave.Revision) (wrong string) {
	if len(writes) == 0 {
		return ""
	}
	to := slices.Max(writes)
	for u.last < to || u.last == to && u.told[to] < perCall {
		wrong, err := u.read()
		switch {
		case wrong != "":
			return wrong
		case errors.Is(err, conclave.ErrCompacted):
			return ""
		case err != nil:
			return fmt.Sprintf("ended at revision %d of %d: %v", u.last, to, err)
		}
	}
	for _, w := range writes {
		if told := u.told[w]; told != perCall {
			return fmt.Sprintf("told %d of the %d changes of the acknowledged revision %d, and then of %d", told, perCall, w, u.last)
		}
	}
	return ""
}
