package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

// hashesJSON are the hashes of a shard: equal are those that are there.
type hashesJSON struct {
	Shard    uint64     `json:"shard_id"`
	Index    uint64     `json:"index"`
	Equal    bool       `json:"equal"`
	Replicas []hashJSON `json:"replicas"`
}

type hashJSON struct {
	Member  string `json:"member"`
	Hash    string `json:"hash,omitempty"`
	Problem string `json:"problem,omitempty"`
}

func newEndpointHashCommand(a *app) *cobra.Command {
	var cluster bool
	cmd := &cobra.Command{
		Use:   "hash",
		Short: "Compare the state of all replicas at one index",
		Long: `Make all replicas of each shard hash their state at one index, and compare those
that answer. When they differ, the exit code is 1; when one did not answer, it is
3.`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				shards, err := c.CompareHashes(ctx)
				if err != nil {
					return err
				}
				return a.printHashes(shards)
			})
		},
	}
	defineCluster(cmd, &cluster)
	cmd.Flags().Lookup("cluster").Usage = "of no effect: all members are always compared"
	return cmd
}

func (a *app) printHashes(shards []conclave.ShardHashes) error {
	views, rows := []hashesJSON{}, [][]string{}
	var differ, silent int
	for _, s := range shards {
		hashes := distinct(s.Replicas)
		view := hashesJSON{Shard: s.Shard, Index: s.Index, Equal: hashes == 1, Replicas: []hashJSON{}}
		missing := hashes == 0
		for _, r := range s.Replicas {
			view.Replicas = append(view.Replicas, hashJSON(r))
			equal := fmt.Sprint(view.Equal)
			if r.Problem != "" {
				missing, equal = true, "-"
			}
			rows = append(rows, []string{fmt.Sprint(s.Shard), fmt.Sprint(s.Index), r.Member, cmp.Or(r.Hash, "-"), equal, r.Problem})
		}
		switch {
		case hashes > 1:
			differ++
		case missing:
			silent++
		}
		views = append(views, view)
	}
	err := a.print(answer{data: views, head: []string{"SHARD", "INDEX", "MEMBER", "HASH", "EQUAL", "PROBLEM"}, rows: rows})
	switch {
	case err != nil:
		return err
	case differ > 0:
		return &exitError{exitFailed, fmt.Sprintf("the replicas of %d of %d shards differ; keep their disks and report it", differ, len(shards))}
	case silent > 0:
		return &exitError{exitNoReach, fmt.Sprintf("not all replicas of %d of %d shards could be compared; try again when all nodes run", silent, len(shards))}
	}
	return nil
}

// distinct counts the hashes that replicas gave.
func distinct(replicas []conclave.ReplicaHash) int {
	seen := make(map[string]bool)
	for _, r := range replicas {
		if r.Problem == "" {
			seen[r.Hash] = true
		}
	}
	return len(seen)
}
