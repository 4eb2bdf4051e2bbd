package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
)

// Stop ends streams and waits with a clear code, lets short calls finish, hands
// leadership over and closes everything. It returns when all goroutines ended.
func (n *Node) Stop(ctx context.Context) error {
	n.stopOnce.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, stopTimeout)
		defer cancel()
		n.api.Drain()
		n.etcd.drain()
		n.stopErr = errors.Join(n.shutdown(ctx), n.cluster.Stop(ctx))
		n.etcd.api.Close()
		n.serving.Wait()
		n.cache.Unref()
	})
	return n.stopErr
}

// shutdown ends the client port and the debug port.
func (n *Node) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	n.debug.end()
	var etcd sync.WaitGroup
	etcd.Go(func() { n.etcd.api.Shutdown(ctx) })
	defer etcd.Wait()
	err := closePort(ctx, n.http)
	if late := n.api.Shutdown(ctx); !errors.Is(late, context.DeadlineExceeded) {
		err = errors.Join(err, late)
	}
	return errors.Join(err, closePort(ctx, n.debug.http))
}

// closePort ends a port: gently until ctx ends, then at once.
func closePort(ctx context.Context, port *http.Server) error {
	err := port.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = port.Close()
	}
	return err
}
