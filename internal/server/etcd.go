package server

import (
	"context"
	"fmt"
	"net"

	"github.com/conclavehq/conclave/cluster"
	"github.com/conclavehq/conclave/rpc/etcd"
)

// etcdPort is where etcd's clients are served as etcd serves them. Without URLs
// in the settings it has no listeners; the client port serves them too.
type etcdPort struct {
	listeners []net.Listener
	api       *etcd.Server
}

// listenEtcd opens the ports of the settings.
func listenEtcd(ctx context.Context, opts Options) ([]net.Listener, error) {
	if opts.Settings.ListenEtcdURLs == "" {
		return nil, nil
	}
	listeners, err := listen(ctx, "--listen-etcd-urls", opts.Settings.ListenEtcdURLs)
	if err != nil {
		return nil, fmt.Errorf("%w, or '' to serve etcd's API on the client port alone", err)
	}
	return listeners, nil
}

// open makes the API over a cluster that runs.
func (p *etcdPort) open(c *cluster.Cluster, opts Options) (err error) {
	p.api, err = etcd.New(etcd.Config{
		Cluster:   handlers{c},
		Namespace: opts.Settings.EtcdNamespace,
		Log:       opts.Log,
	})
	return err
}

// serve answers on the listeners.
func (p *etcdPort) serve(n *Node) {
	for _, l := range p.listeners {
		n.serving.Go(func() {
			if err := p.api.Serve(l, n.http); err != nil {
				n.fail(fmt.Errorf("the port for etcd's clients %s failed: %w", l.Addr(), err))
			}
		})
	}
}
