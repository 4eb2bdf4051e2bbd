package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const namespaceHelp = `Create, list and delete namespaces.

A namespace has keys, locks, queues and revisions of its own. Every other command
works in the one that --namespace names; "default" is always there.`

const namespaceExample = `  conclave namespace create billing
  conclave put -n billing currency EUR
  conclave namespace delete billing`

func newNamespaceCommand(a *app) *cobra.Command {
	group := newGroup("namespace", "Create, list and delete namespaces", namespaceHelp,
		newNamespaceCreateCommand(a), newNamespaceListCommand(a), newNamespaceDeleteCommand(a))
	group.Example = namespaceExample
	return group
}

type namespaceJSON struct {
	Name    string    `json:"name"`
	ID      uint32    `json:"id"`
	Shard   uint64    `json:"shard_id"`
	State   string    `json:"state"`
	Created time.Time `json:"created"`
}

var namespaceHead = []string{"NAME", "ID", "SHARD", "STATE", "CREATED"}

func namespaceRow(n conclave.NamespaceInfo) []string {
	return []string{n.Name, fmt.Sprint(n.ID), fmt.Sprint(n.Shard), n.State, clock(n.Created)}
}

func newNamespaceCreateCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "create NAME",
		Short: "Create a namespace",
		Args:  takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				n, err := c.CreateNamespace(ctx, args[0])
				if err != nil {
					return err
				}
				return a.printOne(namespaceJSON(n), fmt.Sprintf("namespace %s created", n.Name), namespaceHead, namespaceRow(n)...)
			})
		},
	}
}

func newNamespaceListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all namespaces",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				all, err := c.Namespaces(ctx)
				if err != nil {
					return err
				}
				views, rows := []namespaceJSON{}, [][]string{}
				for _, n := range all {
					views = append(views, namespaceJSON(n))
					rows = append(rows, namespaceRow(n))
				}
				return a.print(answer{data: views, head: namespaceHead, rows: rows})
			})
		},
	}
}

func newNamespaceDeleteCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a namespace with all that is in it",
		Args:              takes("NAME"),
		ValidArgsFunction: a.complete(namespaceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				if err := c.DeleteNamespace(ctx, args[0]); err != nil {
					return err
				}
				return a.printOne(map[string]any{"name": args[0]}, fmt.Sprintf("namespace %s deleted", args[0]), []string{"NAME"}, args[0])
			})
		},
	}
}
