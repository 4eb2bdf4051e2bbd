package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conclavehq/conclave/internal/archive"
	conclave "github.com/conclavehq/conclave/sdk"
)

func (s *store) move(to *conclave.Client) Move {
	return Move{Origin: s, Destination: NewDestination(to, s.Source(), time.Hour), Report: func(Report) {}}
}

func must(t *testing.T, m Move) Result {
	t.Helper()
	result, err := m.Run(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Guarantees I1, I3 and I5: whatever the origin does meanwhile, both sides are the same
// in the end, at its revision.
func TestMove(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			s := newStore()
			random := func() {
				values := map[string][]byte{}
				for range 1 + rng.IntN(3) {
					values[fmt.Sprintf("k%02d", rng.IntN(25))] = []byte(fmt.Sprint(rng.Uint64()))[:rng.IntN(3)*5]
					if rng.IntN(3) == 0 {
						values[fmt.Sprintf("k%02d", rng.IntN(25))] = nil
					}
				}
				lease := int64(rng.IntN(40))
				if lease > 3 { // else it has ended by the time that anybody asks
					s.grant(lease, time.Duration(lease)*time.Minute)
				}
				s.write(lease, values)
			}
			for range 40 {
				random()
			}
			to := fresh(t, fmt.Sprint("move-", seed))
			// A run that is killed in the middle of the copy, while the origin goes on.
			ctx, kill := context.WithCancel(within(t))
			pages := 0
			s.reading = func() {
				random()
				if pages++; pages == 3 {
					kill()
				}
			}
			if _, err := s.move(to).Run(ctx); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			s.reading = nil
			s.compact(10)

			stop := make(chan struct{})
			m := s.move(to)
			m.Follow, m.Stop = true, stop
			written := 0
			m.Report = func(r Report) {
				if r.Stage != Following || written == 60 {
					return
				}
				random()
				if written++; written == 60 {
					close(stop)
				}
			}
			result := must(t, m)
			if head, _ := s.Head(t.Context()); result.Revision != head || result.Resumed {
				t.Errorf("%+v, want revision %d", result, head)
			}

			random()
			if result := must(t, s.move(to)); !result.Resumed {
				t.Errorf("run again: %+v", result)
			}
		})
	}
}

// The origin forgets the revision while it is copied: another one is copied.
func TestCompactedWhileCopying(t *testing.T) {
	s := newStore()
	for i := range 10 {
		s.put(fmt.Sprintf("k%d", i), "v", 0)
	}
	s.reading = func() {
		s.reading = nil
		s.compact(s.put("later", "v", 0))
	}
	var notes []string
	m := s.move(fresh(t, "compacted"))
	m.Report = func(r Report) {
		if r.Note != "" {
			notes = append(notes, r.Note)
		}
	}
	if result := must(t, m); result.Revision != 12 || result.Keys != 11 {
		t.Errorf("%+v", result)
	}
	if want := "revision 11 is compacted there; the first one that is left is 12, so everything is copied anew"; !slices.Equal(notes, []string{want}) {
		t.Errorf("notes: %q", notes)
	}

	s.reading = func() { s.compact(s.put("later", "v", 0)) }
	if _, err := s.move(fresh(t, "compacted-always")).Run(within(t)); err == nil || !strings.Contains(err.Error(), "faster than they are copied") {
		t.Errorf("%v", err)
	}
}

// A namespace that is somebody else's is refused before anything is read.
func TestNotMine(t *testing.T) {
	s := newStore()
	s.put("a", "v", 0)
	to := fresh(t, "not-mine")
	if _, err := to.Put(within(t), "mine", "v"); err != nil {
		t.Fatal(err)
	}
	refused := func(m Move, want error, sentence string) {
		t.Helper()
		if _, err := m.Run(within(t)); !errors.Is(err, want) || !strings.Contains(err.Error(), sentence) {
			t.Errorf("got %v, want %q", err, sentence)
		}
	}
	refused(s.move(to), conclave.ErrNamespaceNotEmpty, "keys of its own")
	if _, err := to.Delete(within(t), "mine"); err != nil {
		t.Fatal(err)
	}
	s.put("a", "w", 0)
	s.put("a", "x", 0)
	must(t, s.move(to))
	other := s.move(to)
	other.Destination = NewDestination(to, "another store", time.Hour)
	refused(other, conclave.ErrImportConflict, "imported from a test and not from another store")
	if _, err := to.Put(within(t), "mine", "v"); err != nil {
		t.Fatal(err)
	}
	refused(s.move(to), conclave.ErrImportConflict, "imported up to revision 4 and is at 5 now")
}

// What does not arrive as it is does not go unnoticed.
func TestDifferent(t *testing.T) {
	s := newStore()
	s.put("a", "v", 0)
	m := s.move(fresh(t, "different"))
	m.Report = func(r Report) {
		if r.Stage == Copying && r.Done == 1 {
			s.lie = func(k *archive.Key) { k.Value = []byte("other") }
		}
	}
	var different *DifferentError
	if _, err := m.Run(within(t)); !errors.As(err, &different) || different.Revision != 2 || different.There != 1 || different.Here != 1 {
		t.Errorf("%v", err)
	}
}

// A store that has gone back is not the one that was copied.
func TestOriginWentBack(t *testing.T) {
	to := fresh(t, "went-back")
	s := newStore()
	s.put("a", "v", 0)
	must(t, s.move(to))
	if _, err := newStore().move(to).Run(within(t)); err == nil || !strings.Contains(err.Error(), "restored from an old backup") {
		t.Errorf("%v", err)
	}
}

// A key that no commit can hold is named.
func TestKeyIsTooLarge(t *testing.T) {
	s := newStore()
	s.put("large", string(make([]byte, maxRequestBytes)), 0)
	_, err := s.move(fresh(t, "too-large")).Run(within(t))
	if err == nil || !strings.Contains(err.Error(), `key "large" has 11534341 bytes with its value`) {
		t.Errorf("%v", err)
	}
}

// A revision that deletes more keys than fit into a request names ranges of them.
func TestHugeDelete(t *testing.T) {
	s := newStore()
	s.page = 1000
	long := strings.Repeat("long/", 800)
	values, gone := map[string][]byte{}, map[string][]byte{}
	for i := range 3000 {
		name := fmt.Sprintf("%s%04d", long, i)
		values[name] = []byte("v")
		if i != 1000 {
			gone[name] = nil
		}
	}
	s.write(0, values)
	s.put("other", "v", 0)
	to := fresh(t, "huge")
	must(t, s.move(to))
	gone["new"] = []byte("v")
	s.write(0, gone)
	if result := must(t, s.move(to)); !result.Resumed || result.Keys != 3 {
		t.Errorf("%+v", result)
	}
}

// Guarantee I6: leases are held on until the end, and the ended ones are gone.
func TestKeeper(t *testing.T) {
	s := newStore()
	s.grant(1, time.Minute)
	s.grant(2, time.Minute)
	s.put("of/1", "v", 1)
	to := fresh(t, "keeper")
	d := NewDestination(to, s.Source(), time.Hour)
	if _, err := d.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Copy(within(t), 2, Span{}, s.At(2), func(Copied) {}); err != nil {
		t.Fatal(err)
	}
	s.grant(3, time.Second)
	s.revoke(1)
	s.revoke(2)
	k := &keeper{origin: s, destination: d}
	for range 2 {
		if err := k.look(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.HoldOn(within(t)); err != nil {
		t.Fatal(err)
	}
	// The key of lease 1 is still there, so the lease is.
	if got := ids(d.heldLeases()); !slices.Equal(got, []conclave.LeaseID{1, 3}) {
		t.Errorf("held are %v", got)
	}
	lease, err := to.GetLease(within(t), 3)
	if err != nil || lease.Remaining < 50*time.Minute {
		t.Errorf("%+v, %v", lease, err)
	}
	s.write(0, map[string][]byte{"of/1": nil})
	result := must(t, s.move(to))
	if result.Leases != 1 || result.Keys != 0 {
		t.Errorf("%+v", result)
	}
	lease, err = to.GetLease(within(t), 3)
	if err == nil && lease.Remaining > time.Second {
		t.Errorf("%+v: it must end by itself", lease)
	}
}

func ids(leases []conclave.StoredLease) (ids []conclave.LeaseID) {
	for _, lease := range leases {
		ids = append(ids, lease.ID)
	}
	return ids
}

// A namespace that is saved and restored has the same keys and leases, and goes on
// above all revisions that were given out (promise R2).
func TestSaveAndRestore(t *testing.T) {
	ctx := within(t)
	from := fresh(t, "saved")
	lease, err := from.GrantLease(ctx, conclave.WithTTL(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if _, err := from.Put(ctx, fmt.Sprintf("k%02d", i), strings.Repeat("v", i*2000), conclave.WithLease(lease)); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	header, summary, err := Save(ctx, from, &file, "a test", func(Report) {})
	if err != nil || summary.Keys != 50 || header.Revision != 51 || header.Namespace != "saved" || header.Cluster == 0 {
		t.Fatalf("%+v, %+v, %v", header, summary, err)
	}

	to := fresh(t, "restored")
	restore := Restore{
		Client: to, Bump: DefaultBump, Hold: time.Hour, Report: func(Report) {},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file.Bytes())), nil },
	}
	ended, kill := context.WithCancel(ctx)
	restore.Report = func(Report) { kill() }
	if _, _, err := restore.Run(ended); err == nil {
		t.Error("it was not killed")
	}
	restore.Report = func(Report) {}
	for range 2 {
		contents, result, err := restore.Run(ctx)
		if err != nil || contents.Summary != summary || result.Digest != summary.Digest || result.Revision != 51+DefaultBump {
			t.Fatalf("%+v, %+v, %v", contents, result, err)
		}
	}
	got, err := to.GetLease(ctx, lease)
	if err != nil || got.TTL != time.Minute || got.Remaining > time.Minute {
		t.Errorf("%+v, %v", got, err)
	}
	if revision, err := to.Put(ctx, "next", "v"); err != nil || revision != 52+DefaultBump {
		t.Errorf("the next revision is %d, %v", revision, err)
	}
}

func TestPrefix(t *testing.T) {
	for prefix, want := range map[string]Span{
		"": {}, "a/": {"a/", "a0"}, "a\xff": {"a\xff", "b"}, "\xff\xff": {"\xff\xff", ""},
	} {
		if got := Prefix(prefix); got != want {
			t.Errorf("%q: %q, want %q", prefix, got, want)
		}
	}
}
