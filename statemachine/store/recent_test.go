package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/conclavehq/conclave/internal/keys"
)

// testRoom is the room for a generation of a shard.
const testRoom = 1 << 20

var everything = []keyRange{{from: string(keys.Prefix(1, keys.Meta)), to: string(keys.Prefix(2, keys.Meta))}}

func recentKey(table keys.Table, n int) string {
	return string(append(keys.Prefix(1, table), fmt.Sprint(n)...))
}

// What was written last is known, within bounds, and never in an old version.
func TestRecent(t *testing.T) {
	r := newRecent(2 * testRoom * recentShards)
	known := func(table keys.Table, n int) bool {
		_, known := r.get(recentKey(table, n), newest)
		return known
	}
	r.put(recentKey(keys.Latest, 1), []byte("old"), 1)
	r.put(recentKey(keys.History, 1), []byte("history"), 1)
	r.put(recentKey(keys.Latest, 2), make([]byte, testRoom/2), 1)
	if known(keys.History, 1) {
		t.Error("a record that is never read is kept")
	}
	if known(keys.Latest, 2) {
		t.Error("a record that is as large as half of all room is kept")
	}
	r.put(recentKey(keys.Latest, 1), nil, 2)
	if value, known := r.get(recentKey(keys.Latest, 1), newest); !known || value != nil {
		t.Errorf("a deleted record is %q, %v", value, known)
	}
	for n := 3; n < 20*recentShards; n++ {
		r.put(recentKey(keys.Latest, n), make([]byte, testRoom/5), 3)
		known(keys.Latest, 1)
	}
	if !known(keys.Latest, 1) {
		t.Error("a record that is read all the time is forgotten")
	}
	if known(keys.Latest, 3) {
		t.Error("nothing is forgotten")
	}
	for i := range r.shards {
		if s := &r.shards[i]; s.bytes > testRoom || len(s.young)+len(s.old) > 12 {
			t.Errorf("shard %d has %d bytes, %d and %d records", i, s.bytes, len(s.young), len(s.old))
		}
	}
	revisions := keys.Prefix(1, keys.Revisions)
	r.forget([]keyRange{{from: string(revisions), to: string(keys.After(revisions))}}, 4)
	if !known(keys.Latest, 1) {
		t.Error("the end of records that are not kept has forgotten others")
	}
	latest := keys.Prefix(1, keys.Latest)
	r.forget([]keyRange{{from: string(latest), to: string(keys.After(latest))}}, 5)
	if known(keys.Latest, 1) {
		t.Error("a record is known although its table is emptied")
	}
	r.put(recentKey(keys.Latest, 1), []byte("again"), 6)
	r.forget(everything, 7)
	if known(keys.Latest, 1) {
		t.Error("a record is known although everything is forgotten")
	}
}

// What a reader found is kept only if nothing can be newer, and is not told to
// those who look at an older moment.
func TestRecentMoments(t *testing.T) {
	key := recentKey(keys.Latest, 1)
	for name, test := range map[string]struct {
		does func(r *recent)
		at   uint64
		want string
	}{
		"read at the same moment":          {func(r *recent) { r.offer(key, []byte("read"), 5) }, 5, "read"},
		"read later":                       {func(r *recent) { r.offer(key, []byte("read"), 5) }, 4, "unknown"},
		"written later":                    {func(r *recent) { r.put(key, []byte("new"), 5) }, 4, "unknown"},
		"read before and written":          {func(r *recent) { r.offer(key, []byte("read"), 4); r.put(key, []byte("new"), 5) }, 9, "new"},
		"written, and read before":         {func(r *recent) { r.put(key, []byte("new"), 5); r.offer(key, []byte("read"), 4) }, 9, "new"},
		"written too large, read before":   {func(r *recent) { r.put(key, make([]byte, testRoom), 5); r.offer(key, []byte("read"), 4) }, 9, "unknown"},
		"everything changed, read before":  {func(r *recent) { r.forget(everything, 5); r.offer(key, []byte("read"), 4) }, 9, "unknown"},
		"everything changed, read after":   {func(r *recent) { r.forget(everything, 5); r.offer(key, []byte("read"), 5) }, 9, "read"},
		"something large took its place":   {func(r *recent) { r.offer(key, []byte("read"), 4); r.put(key, make([]byte, testRoom), 5) }, 9, "unknown"},
		"written again with a large value": {func(r *recent) { r.put(key, []byte("a"), 4); r.put(key, make([]byte, testRoom), 5) }, 3, "unknown"},
	} {
		r := newRecent(2 * testRoom * recentShards)
		test.does(r)
		got := "unknown"
		if value, known := r.get(key, test.at); known {
			got = string(value)
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// Views see one moment each while commits go on: all keys that are always written
// together are the same, and no view is older than one before.
func TestViewsOfOneMoment(t *testing.T) {
	db, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	const spread, commits = 40, 3000
	key := func(n int) []byte { return []byte(recentKey(keys.Latest, n)) }
	var readers sync.WaitGroup
	done := make(chan struct{})
	for seed := range uint64(3) {
		readers.Go(func() { watchMoments(t, db, key, spread, rand.New(rand.NewPCG(seed, 0)), done) })
	}
	for round := range uint64(commits) {
		b := db.NewBatch()
		if round%97 == 0 {
			b.DeletePrefix(keys.Prefix(1, keys.Latest))
		}
		for n := range spread {
			b.Set(key(n), binary.BigEndian.AppendUint64(nil, round+1))
		}
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	readers.Wait()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// watchMoments reads two keys at a time, in views, until done.
func watchMoments(t *testing.T, db *DB, key func(int) []byte, spread int, random *rand.Rand, done <-chan struct{}) {
	last := uint64(0)
	for {
		select {
		case <-done:
			return
		default:
		}
		view, err := db.View()
		if err != nil {
			t.Error(err)
			return
		}
		read := func() uint64 {
			value := view.Get(key(random.IntN(spread)))
			if value == nil {
				return 0
			}
			return binary.BigEndian.Uint64(value)
		}
		one, other := read(), read()
		if err := view.Close(); err != nil {
			t.Error(err)
		}
		if one != other || one < last {
			t.Errorf("a view has %d and %d after %d", one, other, last)
			return
		}
		last = one
	}
}
