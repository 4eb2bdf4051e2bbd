package statemachine

import (
	"context"
	"errors"
	"fmt"
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

func hashKeys(revision int64) *logv1.Query {
	return &logv1.Query{NamespaceId: 1, Body: &logv1.Query_HashKeys{HashKeys: &logv1.HashKeys{Revision: revision}}}
}

func compact(revision int64) *logv1.Command {
	return &logv1.Command{NamespaceId: 1, Body: &logv1.Command_Compact{Compact: &logv1.Compact{Revision: revision}}}
}

func remove(key string) *logv1.Command {
	return &logv1.Command{NamespaceId: 1, Body: &logv1.Command_DeleteRange{DeleteRange: &logv1.DeleteRange{Key: []byte(key)}}}
}

// Replicas agree on the hash of a revision although one has come further than the
// other, which has what is current in the one in its history.
func TestHashKeysAtDifferentHeads(t *testing.T) {
	ahead, behind := open(t, t.TempDir()), open(t, t.TempDir())
	for _, r := range []*replica{ahead, behind} {
		r.must(put("a", "1"), put("b", "1"), put("c", "1"), grantLease(5, 60_000)) // 2, 3, 4
		r.must(put("a", "2"), remove("b"), put("d", "1"))                          // 5, 6, 7
		r.must(compact(5))
	}
	ahead.must(put("a", "3"), remove("c"), put("b", "2"), put("d", "2"), remove("d"))
	hash := func(r *replica, revision int64) *logv1.HashKeysResult {
		t.Helper()
		answer := r.query(hashKeys(revision))
		if answer.GetRefusal() != nil {
			t.Fatalf("revision %d: %v", revision, answer.GetRefusal())
		}
		return answer.GetHashKeys()
	}
	for revision := int64(5); revision <= 7; revision++ {
		same(t, fmt.Sprintf("revision %d", revision), hash(behind, revision), hash(ahead, revision))
	}
	same(t, "the current one", hash(behind, 7), hash(behind, 0))
	if got := hash(behind, 6); got.GetRevision() != 6 || got.GetCompactedRevision() != 5 {
		t.Errorf("%v, want revision 6 of what is compacted to 5", got)
	}
	if hash(ahead, 0).GetHash() == hash(behind, 0).GetHash() {
		t.Error("different states have one hash")
	}

	// A copy of a replica has its hashes.
	copied := open(t, t.TempDir())
	copied.recover(ahead.snapshot())
	for _, revision := range []int64{0, 5, 7, 9} {
		same(t, "the copy", hash(ahead, revision), hash(copied, revision))
	}

	for revision, want := range map[int64]logv1.Reason{
		4: logv1.Reason_REASON_COMPACTED, 8: logv1.Reason_REASON_FUTURE_REVISION,
	} {
		if got := behind.query(hashKeys(revision)).GetRefusal().GetReason(); got != want {
			t.Errorf("revision %d: %v, want %v", revision, got, want)
		}
	}
	if got := open(t, t.TempDir()).query(hashKeys(0)).GetHashKeys(); got.GetCompactedRevision() != -1 {
		t.Errorf("%v, want that it was never compacted", got)
	}
}

// Nobody waits for a hash that nobody wants any more.
func TestHashKeysEnds(t *testing.T) {
	r := open(t, t.TempDir())
	for i := range 100 {
		var puts []*logv1.Command
		for j := range 30 {
			puts = append(puts, put(fmt.Sprintf("k/%d/%d", i, j), "v"))
		}
		r.must(puts...)
	}
	view, err := r.view()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = view.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	asked := r.newReader(ctx, view, 1)
	cancel()
	if asked.HashKeys(2000); !errors.Is(asked.whole(), context.Canceled) {
		t.Errorf("%v, want that the caller is gone", asked.whole())
	}
}
