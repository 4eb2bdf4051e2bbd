package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const memberHelp = `Look at the nodes of the cluster, and replace one that lost its disk.`

const memberExample = `  conclave member list -w table
  conclave member replace n2`

func newMemberCommand(a *app) *cobra.Command {
	group := newGroup("member", "Look at the nodes, and replace one", memberHelp,
		newMemberListCommand(a), newMemberReplaceCommand(a))
	group.Example = memberExample
	return group
}

type memberJSON struct {
	Name       string   `json:"name"`
	Status     string   `json:"status"`
	IsLeader   bool     `json:"is_leader"`
	PeerURL    string   `json:"peer_url"`
	ClientURLs []string `json:"client_urls"`
	Version    string   `json:"version"`
	ReplicaID  uint64   `json:"replica_id"`
	Generation uint64   `json:"generation"`
}

func newMemberListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the nodes of the cluster",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				cluster, members, err := c.Members(ctx)
				if err != nil {
					return err
				}
				views, rows := []memberJSON{}, [][]string{}
				for _, m := range members {
					views = append(views, memberJSON{
						m.Name, m.Status, m.IsLeader, m.PeerURL, append([]string{}, m.ClientURLs...),
						m.Version, m.ReplicaID, m.Generation,
					})
					rows = append(rows, []string{
						m.Name, m.Status, fmt.Sprint(m.IsLeader), m.PeerURL, strings.Join(m.ClientURLs, ","),
						m.Version, fmt.Sprint(m.ReplicaID), fmt.Sprint(m.Generation),
					})
				}
				// A string: it may be above what JSON numbers hold exactly.
				data := map[string]any{"cluster_id": strconv.FormatUint(cluster, 10), "members": views}
				head := []string{"NAME", "STATUS", "IS LEADER", "PEER URL", "CLIENT URLS", "VERSION", "REPLICA", "GENERATION"}
				return a.print(answer{data: data, head: head, rows: rows})
			})
		},
	}
}

func newMemberReplaceCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "replace NAME",
		Short: "Let a node that lost its disk come back with an empty one",
		Long: `Let a node that lost its disk come back with an empty one. What the lost disk had
promised is given up, so use this only when it is gone for good; the other nodes
must have a majority.`,
		Example: "  conclave member replace n2",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				next, err := c.ReplaceMember(ctx, args[0])
				if err != nil {
					return err
				}
				return a.printOne(map[string]any{"name": args[0], "next": next}, next, []string{"NAME", "NEXT"}, args[0], next)
			})
		},
	}
}

func newMoveLeaderCommand(a *app) *cobra.Command {
	var shard uint64
	cmd := &cobra.Command{
		Use:     "move-leader NAME",
		Short:   "Hand the leadership of shards to a node",
		Example: "  conclave move-leader n2\n  conclave move-leader n3 --shard 2",
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				if err := c.MoveLeader(ctx, args[0], shard); err != nil {
					return err
				}
				return a.printOne(map[string]any{"leader": args[0], "shard_id": shard}, fmt.Sprintf("%s leads", args[0]),
					[]string{"LEADER"}, args[0])
			})
		},
	}
	cmd.Flags().Uint64Var(&shard, "shard", 0, "this shard alone (default: all)")
	return cmd
}
