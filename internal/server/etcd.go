package server

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/conclavehq/conclave/cluster"
	"github.com/conclavehq/conclave/rpc/etcd"
	"github.com/conclavehq/conclave/rpc/etcdv2"
)

// etcdPort is where etcd's clients are served as etcd serves them. Without URLs
// in the settings it has no listeners; the client port serves them too.
type etcdPort struct {
	listeners []net.Listener
	api       *etcd.Server
	// older is the v2 API, which every port serves that has pages.
	older *etcdv2.Server
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
	if err != nil {
		return err
	}
	p.older = etcdv2.New(etcdv2.Config{
		Cluster:   handlers{c},
		Namespace: opts.Settings.EtcdNamespace,
		Log:       opts.Log,
	})
	return nil
}

// mount serves both APIs on the client port.
func (p *etcdPort) mount(mux *http.ServeMux) {
	p.api.Mount(mux)
	p.older.Mount(mux)
}

// drain ends their streams and waits.
func (p *etcdPort) drain() {
	p.api.Drain()
	p.older.Drain()
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
