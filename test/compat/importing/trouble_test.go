package importing

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/conclavehq/conclave/internal/migrate"
	conclave "github.com/conclavehq/conclave/sdk"
)

// Guarantee I5: an importer that is killed while it copies is run again, after etcd
// has gone on and forgotten the revision, and ends with what is there then.
func TestKilledWhileCopying(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	from.fill("a/", 3000, 1000)
	from.grant(7, 60)
	from.put("a/000001", "leased", 7)

	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	x := newTransfer(t, from, to)
	x.report = func(r migrate.Report) {
		if r.Stage == migrate.Copying && r.Done > 100 {
			kill()
		}
	}
	if _, err := x.run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("it was not killed: %v", err)
	}
	status, err := to.ImportStatus(t.Context())
	if err != nil || status.Complete || status.Revision == 1 {
		t.Fatalf("%+v, %v: it was killed too early or too late", status, err)
	}

	from.del("a/", "a/001")
	from.fill("b/", 100, 10)
	last := from.put("a/002999", "changed", 0)
	from.compact(last)
	if result := newTransfer(t, from, to).must(); result.Resumed || result.Revision != last || result.Keys != 2100 {
		t.Errorf("%+v, want 2100 keys at revision %d", result, last)
	}
}

// One that is killed while it follows goes on where it was.
func TestKilledWhileFollowing(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	from.fill("a/", 100, 10)
	from.grant(7, 60)
	from.put("mine", "x", 7)
	ctx, kill := context.WithCancel(t.Context())
	x := newTransfer(t, from, to)
	x.move.Follow = true
	x.report = func(r migrate.Report) {
		if r.Stage == migrate.Following {
			kill()
		}
	}
	if _, err := x.run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	lease, err := to.GetLease(t.Context(), 7)
	if err != nil || lease.Remaining < 30*time.Minute {
		t.Errorf("%+v, %v: the lease is not held, so its key would go before anybody is back", lease, err)
	}
	from.put("a/000000", "later", 0)
	last := from.del("mine", "")
	from.revoke(7)
	if result := newTransfer(t, from, to).must(); !result.Resumed || result.Revision != last || result.Leases != 0 {
		t.Errorf("%+v, want revision %d", result, last)
	}
	lease, err = to.GetLease(t.Context(), 7)
	if err == nil && lease.Remaining > time.Hour+time.Minute {
		t.Errorf("the lease that has ended there: %+v", lease)
	}
}

// etcd is restarted while it is followed, and compacts what was not seen yet.
func TestEtcdIsRestartedAndCompacts(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	from.fill("a/", 100, 10)
	x := newTransfer(t, from, to).follow()
	from.put("a/000000", "before", 0)
	from.halt()
	from.start()
	from.put("a/000000", "between", 0)
	last := from.put("a/000001", "after", 0)
	from.compact(last)
	if result := x.cutOver(); result.Revision != last {
		t.Errorf("%+v, want revision %d", result, last)
	}
}

// What follows is forgotten before it was read: everything is copied anew, and who
// watches here is told so.
func TestCompactedBeforeItWasFollowed(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	from.fill("a/", 10, 10)
	newTransfer(t, from, to).must()
	from.put("a/000000", "one", 0)
	last := from.put("a/000000", "two", 0)
	from.compact(last)

	x := newTransfer(t, from, to)
	if result := x.must(); result.Revision != last {
		t.Errorf("%+v, want revision %d", result, last)
	}
	if len(x.notes) != 1 || !strings.Contains(x.notes[0], "compacted") {
		t.Errorf("notes: %q", x.notes)
	}
	for _, err := range to.Watch(within(t), "a/", conclave.WithPrefix(), conclave.FromRevision(conclave.Revision(last))) {
		var compacted *conclave.Error
		if !errors.Is(err, conclave.ErrCompacted) || !errors.As(err, &compacted) || int64(compacted.Revision) != last+1 {
			t.Errorf("a watch from before the copy: %v", err)
		}
		break
	}
}

// A key prefix alone, at the revision of the whole.
func TestPrefix(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	from.put("a/1", "x", 0)
	from.put("b/1", "x", 0)
	x := newTransfer(t, from, to)
	x.move.Span = migrate.Span{From: "a/", To: "a0"}
	f := x.follow()
	from.put("a/2", "x", 0)
	last := from.put("b/2", "x", 0)
	if result := f.cutOver(); result.Revision != last || result.Keys != 2 {
		t.Errorf("%+v, want 2 keys at revision %d", result, last)
	}
	newTransfer(t, from, to).fails("imported from etcd cluster")
}

// More keys than a commit can hold go at once.
func TestHugeRevision(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	long := strings.Repeat("long", 200)
	from.fill("a/"+long, 14_000, 1)
	from.put("a/"+long+"007000.kept", "x", 0)
	from.grant(7, 600)
	for i := range 3 {
		from.put(fmt.Sprintf("b/%d", i), "x", 7)
	}
	x := newTransfer(t, from, to).follow()
	// All but one in the middle: an etcd deletes a range in one revision.
	res, err := from.Txn(within(t), &pb.TxnRequest{Success: []*pb.RequestOp{
		{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte("a/"), RangeEnd: []byte("a/" + long + "007000.kept")}}},
		{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte("a/" + long + "007000.kept\x00"), RangeEnd: []byte("a0")}}},
		{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte("c/new")}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if result := x.cutOver(); result.Revision != res.GetHeader().GetRevision() || result.Keys != 5 {
		t.Errorf("%+v", result)
	}
}

// Guarantee I4: somebody writes here while the importer follows.
func TestSomebodyWritesHere(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	from.put("a", "x", 0)
	x := newTransfer(t, from, to).follow()
	if _, err := to.Put(within(t), "mine", "x"); err != nil {
		t.Fatal(err)
	}
	from.put("a", "y", 0)
	<-x.done
	if !errors.Is(x.err, conclave.ErrImportConflict) || !strings.Contains(x.err.Error(), "somebody has written to it since") {
		t.Errorf("%v", x.err)
	}
}

// Leases come and go there; those here follow.
func TestLeases(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	from.grant(1, 600)
	from.grant(2, 600)
	from.put("of/1", "x", 1)
	x := newTransfer(t, from, to).follow()
	from.grant(3, 900)
	from.put("of/3", "x", 3)
	from.grant(4, 5)
	from.revoke(1)
	from.revoke(2)
	last := from.put("last", "x", 0)
	if result := x.cutOver(); result.Revision != last || result.Keys != 2 || result.Leases != 2 {
		t.Errorf("%+v", result)
	}
	page, err := to.ExportLeases(within(t), 0)
	want := []conclave.StoredLease{{ID: 3, TTL: 900 * time.Second}, {ID: 4, TTL: 5 * time.Second}}
	if err != nil || !slices.Equal(page.Leases, want) {
		t.Errorf("%+v, %v", page, err)
	}
	if lease, err := to.GetLease(within(t), 3); err != nil || lease.Remaining > 900*time.Second || len(lease.Keys) != 1 {
		t.Errorf("%+v, %v: it must end by itself now", lease, err)
	}
}

func TestUntilRevision(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	revisions := []int64{from.put("a", "1", 0), from.put("a", "2", 0), from.put("a", "3", 0), from.put("a", "4", 0)}
	x := newTransfer(t, from, to)
	x.move.Until = revisions[1]
	if result := x.must(); result.Revision != revisions[1] {
		t.Errorf("%+v, want revision %d", result, revisions[1])
	}
	x = newTransfer(t, from, to)
	x.move.Until = revisions[2]
	if result := x.must(); result.Revision != revisions[2] || !result.Resumed {
		t.Errorf("%+v, want revision %d", result, revisions[2])
	}
}

func TestUsers(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	from.put("a/1", "x", 0)
	from.put("b/1", "x", 0)
	from.withUsers()
	for want, user := range map[string][2]string{
		"has authentication enabled; give --user": {},
		"does not accept the user":                {"root", "wrong"},
		"may not read all of the keys":            {"reader", "secret"},
	} {
		x := newTransfer(t, from, to)
		x.config.User, x.config.Password = user[0], user[1]
		x.fails(want)
	}
	x := newTransfer(t, from, to)
	x.config.User, x.config.Password = "root", "secret"
	f := x.follow()
	res, err := from.Put(from.as("root"), &pb.PutRequest{Key: []byte("a/2")})
	if err != nil {
		t.Fatal(err)
	}
	if result := f.cutOver(); result.Revision != res.GetHeader().GetRevision() || result.Keys != 3 {
		t.Errorf("%+v", result)
	}
}

func TestTLS(t *testing.T) {
	from := startEtcdWith(t, func(c *embed.Config) {
		c.ClientAutoTLS, c.SelfSignedCertValidity = true, 1
		c.ListenClientUrls = []url.URL{{Scheme: "https", Host: "127.0.0.1:0"}}
	})
	_, to := startNode(t)
	last := from.put("a", "x", 0)
	for want, change := range map[string]func(x *transfer){
		"certificate signed by unknown authority": func(*transfer) {},
		"does not answer as it should": func(x *transfer) {
			x.config.Endpoints = []string{strings.Replace(from.url, "https://", "http://", 1)}
		},
	} {
		x := newTransfer(t, from, to)
		x.config.Patience = time.Second
		change(x)
		x.fails(want)
	}
	x := newTransfer(t, from, to)
	x.config.TLS = &tls.Config{InsecureSkipVerify: true}
	if result := x.must(); result.Revision != last {
		t.Errorf("%+v", result)
	}
}

func TestWrongEndpoints(t *testing.T) {
	from := startEtcd(t)
	_, to := startNode(t)
	other := startEtcdWith(t, func(c *embed.Config) { c.InitialClusterToken = "another cluster" })
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:1": "cannot reach etcd at http://127.0.0.1:1 (connect: connection refused); check --endpoints",
		strings.Replace(from.url, "http://", "https://", 1): "does not answer as it should",
		"ftp://127.0.0.1": "is not a URL such as http://127.0.0.1:2379",
	} {
		x := newTransfer(t, from, to)
		x.config.Endpoints, x.config.Patience = []string{endpoint}, time.Second
		x.fails(want)
	}
	x := newTransfer(t, from, to)
	x.config.Endpoints = []string{"127.0.0.1:1", from.url}
	from.put("a", "x", 0)
	if result := x.must(); result.Keys != 1 {
		t.Errorf("with one endpoint that is dead: %+v", result)
	}
	newTransfer(t, other, to).fails("was imported from etcd cluster")
}
