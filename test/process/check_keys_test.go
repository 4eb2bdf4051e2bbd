package process

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// The judges compare what clients saw (history) with what there is in the end:
// the log of all changes, as a watch from the first revision tells it. Each
// returns sentences, none when all is well.

// checkWrites: what was acknowledged is there, once, at its revision; what was
// refused is not there; nothing is there that nobody wrote.
//
// Promises D1, D5.
func checkWrites(writes []write, log []conclave.Event) (wrong []string) {
	found := make(map[string]conclave.Event) // by value
	for _, event := range log {
		value := event.KV.String()
		if before, twice := found[value]; twice {
			wrong = append(wrong, fmt.Sprintf("%s=%s took effect at %d and again at %d", event.KV.Key, value, before.Revision, event.Revision))
		}
		found[value] = event
	}
	for _, w := range writes {
		event, there := found[w.value]
		delete(found, w.value)
		switch {
		case there && event.KV.Key != w.key:
			wrong = append(wrong, fmt.Sprintf("%s=%s is under the key %s", w.key, w.value, event.KV.Key))
		case w.outcome == acked && !there:
			wrong = append(wrong, fmt.Sprintf("lost: %s=%s was acknowledged at %d", w.key, w.value, w.revision))
		case w.outcome == acked && event.Revision != w.revision:
			wrong = append(wrong, fmt.Sprintf("%s=%s was acknowledged at %d and is there at %d", w.key, w.value, w.revision, event.Revision))
		case w.outcome == refused && there:
			wrong = append(wrong, fmt.Sprintf("%s=%s was refused and is there at %d", w.key, w.value, event.Revision))
		}
	}
	for _, value := range slices.Sorted(maps.Keys(found)) {
		wrong = append(wrong, fmt.Sprintf("nobody wrote %s=%s", found[value].KV.Key, value))
	}
	return wrong
}

// stamped is anything that got a revision between two moments.
type stamped struct {
	what      string
	call, ret time.Duration
	revision  int64
}

// checkOrder: what began after something else had ended has a greater revision.
// same allows an equal one, as reads may have.
//
// Promises D1, R2.
func checkOrder(ended, began []stamped, same bool) (wrong []string) {
	ended, began = slices.Clone(ended), slices.Clone(began)
	slices.SortFunc(ended, func(a, b stamped) int { return cmp.Compare(a.ret, b.ret) })
	slices.SortFunc(began, func(a, b stamped) int { return cmp.Compare(a.call, b.call) })
	var newest stamped
	i := 0
	for _, op := range began {
		for ; i < len(ended) && ended[i].ret < op.call; i++ {
			if ended[i].revision > newest.revision {
				newest = ended[i]
			}
		}
		if op.revision < newest.revision || op.revision == newest.revision && !same {
			wrong = append(wrong, fmt.Sprintf("%s has revision %d although %s had %d before it began", op.what, op.revision, newest.what, newest.revision))
		}
	}
	return wrong
}

// checkReads: a read shows the last change up to its revision.
//
// Promise D2.
func checkReads(reads []reading, log []conclave.Event) (wrong []string) {
	versions := make(map[string][]conclave.Event)
	for _, event := range log {
		versions[event.KV.Key] = append(versions[event.KV.Key], event)
	}
	for _, r := range reads {
		history := versions[r.key]
		want := ""
		if i := sort.Search(len(history), func(i int) bool { return history[i].Revision > r.revision }); i > 0 {
			want = history[i-1].KV.String()
		}
		if r.value != want {
			wrong = append(wrong, fmt.Sprintf("at %d %s was read as %q and was %q", r.revision, r.key, r.value, want))
		}
	}
	return wrong
}

// checkCounter: each version of a counter is one more than the one before it. Its
// values are "N by WHO", so checkWrites sees that each increment that was
// acknowledged took effect once.
func checkCounter(key string, log []conclave.Event) (wrong []string) {
	last := 0
	for _, event := range log {
		if event.KV.Key != key {
			continue
		}
		text, _, _ := strings.Cut(event.KV.String(), " ")
		n, err := strconv.Atoi(text)
		if err != nil || n != last+1 {
			wrong = append(wrong, fmt.Sprintf("%s goes from %d to %q at %d", key, last, event.KV, event.Revision))
		}
		last = n
	}
	return wrong
}

// checkWatch: a watch that lived through the run told the same as one that looks
// back, in the order of revisions.
//
// Promise D4.
func checkWatch(live, log []conclave.Event) (wrong []string) {
	for i := range max(len(live), len(log)) {
		switch {
		case i >= len(live):
			return append(wrong, fmt.Sprintf("the watch missed the last %d changes, from %d on", len(log)-i, log[i].Revision))
		case i >= len(log):
			return append(wrong, fmt.Sprintf("the watch told %d changes that are not there, from %d on", len(live)-i, live[i].Revision))
		case live[i].Revision != log[i].Revision || live[i].KV.Key != log[i].KV.Key || live[i].KV.String() != log[i].KV.String():
			return append(wrong, fmt.Sprintf("change %d is %s at %d, and the watch told %s at %d", i,
				log[i].KV.Key, log[i].Revision, live[i].KV.Key, live[i].Revision))
		case i > 0 && log[i].Revision < log[i-1].Revision:
			return append(wrong, fmt.Sprintf("revision %d comes after %d", log[i].Revision, log[i-1].Revision))
		}
	}
	return wrong
}
