//go:build linux

package rig

import (
	"context"
	"fmt"
	"strings"
	"sync"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// WaitReady waits until the node says that it serves, for at most a minute.
func (n *Node) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.mu.Lock()
	l := n.life
	n.mu.Unlock()
	if l == nil {
		return fmt.Errorf("node %s was not started", n.name)
	}
	err := until(ctx, func(ctx context.Context) error {
		if l.over() {
			cancel()
			return fmt.Errorf("the process has ended: %v", l.cmd.ProcessState)
		}
		return n.cluster.ask.ready(ctx, n)
	})
	if err != nil {
		return Unwell{fmt.Errorf("node %s does not serve: %w", n.name, err)}
	}
	return nil
}

// Healthy waits until every node is well: it has a process and no problem, it knows a
// leader of each shard, it has applied what any replica had when this was called, and
// it answers a linearizable read. It waits for at most a minute, and does not wait for
// a node without a process, which nobody starts meanwhile.
func (c *Cluster) Healthy(ctx context.Context) error {
	var goals map[uint64]uint64
	return c.untilAll(ctx, func(ctx context.Context) error {
		states, err := c.states(ctx, c.nodes)
		if err != nil {
			return err
		}
		if goals == nil {
			goals = newest(states)
		}
		for i, s := range states {
			if err := well(s, goals); err != nil {
				return fmt.Errorf("%s: %w", c.nodes[i].name, err)
			}
		}
		return each(c.nodes, func(_ int, n *Node) error { return c.ask.read(ctx, n) })
	})
}

// untilAll puts a question until it is answered without an error, and stops when a
// node has no process. Its error is [Unwell].
func (c *Cluster) untilAll(ctx context.Context, question func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var missing error
	err := until(ctx, func(ctx context.Context) error {
		for _, n := range c.nodes {
			if n.PID() == 0 {
				cancel()
				missing = fmt.Errorf("%s has no process; it logged last: %q", n.name, n.LastLog(1))
				return missing
			}
		}
		return question(ctx)
	})
	if missing != nil {
		return Unwell{missing} // whatever was wrong before
	}
	return unwell(err)
}

// states asks all nodes how they stand, and fails unless all answer.
func (c *Cluster) states(ctx context.Context, nodes []*Node) ([]*conclavev1.GetStatusResponse, error) {
	states := make([]*conclavev1.GetStatusResponse, len(nodes))
	err := each(nodes, func(i int, n *Node) (err error) {
		states[i], err = c.ask.status(ctx, n)
		return err
	})
	return states, err
}

// newest is the highest index that any replica of each shard has applied.
func newest(states []*conclavev1.GetStatusResponse) map[uint64]uint64 {
	all := make(map[uint64]uint64)
	for _, s := range states {
		for _, shard := range s.GetShards() {
			all[shard.GetShardId()] = max(all[shard.GetShardId()], shard.GetAppliedIndex())
		}
	}
	return all
}

func well(s *conclavev1.GetStatusResponse, goals map[uint64]uint64) error {
	if problems := s.GetProblems(); len(problems) > 0 {
		return fmt.Errorf("it has a problem: %s", strings.Join(problems, "; "))
	}
	applied := make(map[uint64]uint64)
	for _, shard := range s.GetShards() {
		if shard.GetLeader() == "" {
			return fmt.Errorf("it knows no leader of shard %d", shard.GetShardId())
		}
		applied[shard.GetShardId()] = shard.GetAppliedIndex()
	}
	for shard, goal := range goals {
		if applied[shard] < goal {
			return fmt.Errorf("its replica of shard %d is at %d, another one was at %d", shard, applied[shard], goal)
		}
	}
	return nil
}

// each does something with all nodes at a time and returns the first error, in the
// order of the nodes.
func each(nodes []*Node, do func(int, *Node) error) error {
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() { errs[i] = do(i, n) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
