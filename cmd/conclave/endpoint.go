package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const endpointHelp = `Ask nodes how they are: each of --endpoints, or, with --cluster, each member of
the cluster. When one does not answer or is not well, the exit code is 3.`

const endpointExample = `  conclave endpoint status --cluster -w table
  conclave endpoint health
  conclave endpoint hash`

func newEndpointCommand(a *app) *cobra.Command {
	group := newGroup("endpoint", "Ask nodes how they are", endpointHelp,
		newEndpointStatusCommand(a), newEndpointHealthCommand(a), newEndpointHashCommand(a))
	group.Example = endpointExample
	return group
}

func defineCluster(cmd *cobra.Command, cluster *bool) {
	cmd.Flags().BoolVar(cluster, "cluster", false, "ask all members of the cluster instead of --endpoints")
}

// target is a node to ask.
type target struct {
	name     string // where the cluster told it
	endpoint string // empty: nobody knows it
}

// targets are the endpoints, or the members' first client URLs.
func (a *app) targets(ctx context.Context, c *conclave.Client, cluster bool) ([]target, error) {
	var targets []target
	if !cluster {
		for _, endpoint := range c.Endpoints() {
			targets = append(targets, target{endpoint: endpoint})
		}
		return targets, nil
	}
	_, members, err := c.Members(ctx)
	for _, m := range members {
		t := target{name: m.Name}
		if len(m.ClientURLs) > 0 {
			t.endpoint = m.ClientURLs[0]
		}
		targets = append(targets, t)
	}
	return targets, err
}

// eachTarget asks all nodes at the same time; answers stay in order.
func eachTarget[T any](targets []target, ask func(target) T) []T {
	answers := make([]T, len(targets))
	var asking sync.WaitGroup
	for i, t := range targets {
		asking.Go(func() { answers[i] = ask(t) })
	}
	asking.Wait()
	return answers
}

// troubled is the end of a command whose answer has shown what is wrong.
func troubled(count, of int, what string) error {
	if count == 0 {
		return nil
	}
	return &exitError{exitNoReach, fmt.Sprintf("%d of %d endpoints %s", count, of, what)}
}

// statusJSON is how a node sees itself. A node that did not answer has a problem
// that says so.
type statusJSON struct {
	Endpoint     string            `json:"endpoint"`
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	IsLeader     bool              `json:"is_leader"`
	Leader       string            `json:"leader"`
	Term         uint64            `json:"term"`
	AppliedIndex uint64            `json:"applied_index"`
	DBSizeBytes  int64             `json:"db_size_bytes"`
	Revision     conclave.Revision `json:"revision"`
	Uptime       span              `json:"uptime"`
	ClusterID    string            `json:"cluster_id,omitempty"`
	Shards       []shardJSON       `json:"shards"`
	Problems     []string          `json:"problems"`

	silent  bool
	crowded bool // it has no room for one more connection
}

type shardJSON struct {
	Shard        uint64 `json:"shard_id"`
	Kind         string `json:"kind"`
	Leader       string `json:"leader"`
	IsLeader     bool   `json:"is_leader"`
	Term         uint64 `json:"term"`
	AppliedIndex uint64 `json:"applied_index"`
}

func newEndpointStatusCommand(a *app) *cobra.Command {
	var cluster bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show who leads, and how far each node is",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				targets, err := a.targets(ctx, c, cluster)
				if err != nil {
					return err
				}
				views := eachTarget(targets, func(t target) statusJSON { return a.status(ctx, c, t) })
				var rows [][]string
				silent, crowded := 0, 0
				for _, v := range views {
					rows = append(rows, statusRow(v))
					if v.silent {
						silent++
					}
					if v.crowded {
						crowded++
					}
				}
				if err := a.print(answer{data: views, head: statusHead, rows: rows}); err != nil {
					return err
				}
				if crowded > 0 && crowded == silent {
					return troubled(crowded, len(views), "have too many connections; try again when there are fewer")
				}
				return troubled(silent, len(views), "did not answer; check that the nodes run and can be reached")
			})
		},
	}
	defineCluster(cmd, &cluster)
	return cmd
}

func (a *app) status(ctx context.Context, c *conclave.Client, t target) statusJSON {
	view := statusJSON{Endpoint: t.endpoint, Name: t.name, Shards: []shardJSON{}, Problems: []string{}}
	if t.endpoint == "" {
		view.silent, view.Problems = true, []string{"it has not joined yet"}
		return view
	}
	s, err := c.Status(ctx, t.endpoint)
	if err != nil {
		view.silent, view.Problems = true, []string{networkReason(err)}
		view.crowded = errors.Is(err, conclave.ErrOverloaded)
		return view
	}
	for _, shard := range s.Shards {
		view.Shards = append(view.Shards, shardJSON(shard))
	}
	view.Name, view.Version, view.IsLeader, view.Leader = s.Name, s.Version, s.IsLeader, s.Leader
	view.Term, view.AppliedIndex, view.DBSizeBytes = s.Term, s.AppliedIndex, s.DBSizeBytes
	view.Revision, view.Uptime, view.ClusterID = s.Revision, span(s.Uptime), strconv.FormatUint(s.ClusterID, 10)
	view.Problems = append(view.Problems, s.Problems...)
	return view
}

var statusHead = []string{"ENDPOINT", "NAME", "VERSION", "DB SIZE", "IS LEADER", "LEADER", "TERM", "APPLIED INDEX", "REVISION", "PROBLEMS"}

func statusRow(v statusJSON) []string {
	if v.silent {
		return []string{v.Endpoint, v.Name, "", "", "", "", "", "", "", strings.Join(v.Problems, "; ")}
	}
	return []string{
		v.Endpoint, v.Name, v.Version, size(v.DBSizeBytes), fmt.Sprint(v.IsLeader), v.Leader, fmt.Sprint(v.Term),
		fmt.Sprint(v.AppliedIndex), v.Revision.String(), v.problem(),
	}
}

// problem is what is wrong in one sentence; the JSON has all.
func (v statusJSON) problem() string {
	for _, shard := range v.Shards {
		if shard.Leader != "" {
			return strings.Join(v.Problems, "; ")
		}
	}
	return "no shard has a leader, for which a majority of the nodes is needed"
}

// size is a number of bytes for a human.
func size(bytes int64) string {
	const units = "kMGTPE"
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes)/1000, 0
	for value >= 1000 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	return fmt.Sprintf("%.3g %cB", value, units[unit])
}

type healthJSON struct {
	Endpoint string `json:"endpoint"`
	Name     string `json:"name,omitempty"`
	Healthy  bool   `json:"healthy"`
	Took     span   `json:"took"`
	Problem  string `json:"problem,omitempty"`
}

func newEndpointHealthCommand(a *app) *cobra.Command {
	var cluster bool
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask whether each node serves requests",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				targets, err := a.targets(ctx, c, cluster)
				if err != nil {
					return err
				}
				views := eachTarget(targets, func(t target) healthJSON { return a.health(ctx, c, t) })
				var rows [][]string
				ill := 0
				for _, v := range views {
					rows = append(rows, []string{v.Endpoint, fmt.Sprint(v.Healthy), short(time.Duration(v.Took)), v.Problem})
					if !v.Healthy {
						ill++
					}
				}
				if err := a.print(answer{data: views, head: []string{"ENDPOINT", "HEALTHY", "TOOK", "PROBLEM"}, rows: rows}); err != nil {
					return err
				}
				return troubled(ill, len(views), "are not healthy; conclave endpoint status says more")
			})
		},
	}
	defineCluster(cmd, &cluster)
	return cmd
}

func (a *app) health(ctx context.Context, c *conclave.Client, t target) healthJSON {
	if t.endpoint == "" {
		return healthJSON{Name: t.name, Problem: "it has not joined yet"}
	}
	began := time.Now()
	err := c.Health(ctx, t.endpoint)
	view := healthJSON{Endpoint: t.endpoint, Name: t.name, Healthy: err == nil, Took: span(time.Since(began))}
	if err != nil {
		view.Problem = networkReason(err)
	}
	return view
}
