package clientv3

import (
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// site is where a test finds a server.
type site struct {
	// conclave is whether it is Conclave.
	conclave bool
	endpoint string
}

// shared are the tests that need one node, which they share.
var shared = []struct {
	name string
	test func(t *testing.T, s site)
}{
	{"put, get and delete", testKV},
	{"transactions", testTxn},
	{"nested transactions", testNestedTxn},
	{"ranges in parts", testGetStream},
	{"errors", testErrors},
	{"errors of streams and limits", testLimits},
	{"users without authentication", testAuth},
	{"watch history", testWatchHistory},
	{"watch many keys", testWatchMany},
	{"watch options", testWatchOptions},
	{"watch fragments", testWatchFragments},
	{"watch progress", testWatchProgress},
	{"lease", testLease},
	{"lease kept alive", testLeaseKeepAlive},
	{"lease expires", testLeaseExpires},
	{"session", testSession},
	{"mutex", testMutex},
	{"mutex many", testMutexMany},
	{"mutex session lost", testMutexSessionLost},
	{"mutex owner", testMutexOwner},
	{"election", testElection},
	{"election observed", testElectionObserved},
	{"stm", testSTM},
	{"stm skew", testSTMSkew},
	{"namespace", testNamespace},
	{"leasing", testLeasing},
	{"ordering", testOrdering},
	{"mirror", testMirror},
	{"resolver", testResolver},
	{"recipes", testRecipes},
	{"kubernetes", testKubernetes},
	{"v3lock", testLockService},
	{"v3election", testElectionService},
	{"health", testHealth},
	{"maintenance", testMaintenance},
	{"members", testMembers},
}

// One node serves etcd's client as etcd does, on each of its ports.
func TestOneNode(t *testing.T) {
	t.Parallel()
	etcd, conclave := rig.Start(t, rig.Etcd, 1), rig.Start(t, rig.Conclave, 1)
	for name, s := range map[string]site{
		"etcd":                   {false, etcd.Nodes[0].Endpoint},
		"conclave":               {true, conclave.Nodes[0].Endpoint},
		"conclave's client port": {true, conclave.Nodes[0].Site},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range shared {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					c.test(t, s)
				})
			}
		})
	}
}

// client connects to the site.
func (s site) client(t *testing.T) *clientv3.Client {
	t.Helper()
	return connect(t, s.endpoint)
}

// connect makes a client that is closed with the test.
func connect(t *testing.T, endpoints ...string) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{
		Endpoints:   endpoints,
		DialTimeout: rig.Patience,
		Logger:      zap.NewNop(),
		Context:     t.Context(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// key names a key of the test alone.
func key(t *testing.T, name string) string { return "/" + t.Name() + "/" + name }
