package cluster

import "context"

// stopTimeout is how long Stop tries to hand the leadership of all shards over.
const stopTimeout = 2 * handOverTimeout

// Stop hands the leadership of this node's shards over, while calls are turned
// away with ErrStopped, and closes everything. It returns when all goroutines
// have ended.
func (c *Cluster) Stop(ctx context.Context) error {
	c.stopOnce.Do(func() {
		c.turnAway()
		c.handOver(ctx)
		c.close()
	})
	return nil
}

// handOver gives the shards that this node leads to the others, all at once.
// Without that, each would be without a leader for an election timeout.
func (c *Cluster) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	done := make(chan struct{})
	n := 0
	for _, s := range c.shards {
		if !s.leads() {
			continue
		}
		n++
		go func() {
			defer func() { done <- struct{}{} }()
			if err := c.handOverShard(ctx, s); err != nil {
				s.log.Debug().Err(err).Msg("stopping as leader")
			}
		}()
	}
	for ; n > 0; n-- {
		<-done
	}
}

// close ends what start began, as far as it got.
func (c *Cluster) close() {
	c.turnAway()
	c.peersMu.Lock() // no peer is added after this
	c.endLoops()
	c.peersMu.Unlock()
	for _, s := range c.shards {
		s.batcher.stop()
	}
	c.work.Wait()
	if c.server != nil {
		_ = c.server.Close()
	}
	if c.raft != nil {
		c.raft.Close()
	}
	for _, s := range c.shards {
		if err := s.machine.Close(); err != nil {
			s.log.Error().Err(err).Msg("cannot close the state of the shard")
		}
	}
	if c.mux != nil {
		_ = c.mux.Close()
	} else {
		for _, ln := range c.cfg.PeerListeners {
			_ = ln.Close()
		}
	}
	c.served.Wait()
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	if c.release != nil {
		c.release()
	}
}
