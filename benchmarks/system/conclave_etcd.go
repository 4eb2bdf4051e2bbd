package system

import (
	"context"
)

// ConclaveAsEtcd is this repository's server as etcd's own client sees it. To the
// reader of a result it is Conclave.
type ConclaveAsEtcd struct{ Conclave }

var _ System = ConclaveAsEtcd{}

// Arguments make the node serve etcd's clients where the cluster's endpoints are,
// and the SDK elsewhere.
func (s ConclaveAsEtcd) Arguments(self Node, all []Node) []string {
	return append(s.Conclave.Arguments(self, all),
		"--listen-etcd-urls="+self.ClientURL, "--listen-client-urls="+self.DebugURL)
}

// Ready reads linearizably.
func (ConclaveAsEtcd) Ready(ctx context.Context, endpoint string) error {
	return Etcd{}.Ready(ctx, endpoint)
}

// Dial makes one of etcd's clients.
func (ConclaveAsEtcd) Dial(ctx context.Context, endpoints []string) (Client, error) {
	return Etcd{}.Dial(ctx, endpoints)
}
