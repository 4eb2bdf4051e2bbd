package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const leaseHelp = `Grant, renew, look at and revoke leases.

A lease ends when its TTL has passed since it was granted or renewed. What was
bound to it ends with it: keys that were put with --lease, locks, claims,
registered instances.`

const leaseExample = `  id=$(conclave lease grant 30s)
  conclave put --lease $id worker/7 alive
  conclave lease keep-alive $id &
  conclave lease get $id
  conclave lease revoke $id --reason "maintenance"`

func newLeaseCommand(a *app) *cobra.Command {
	group := newGroup("lease", "Grant, renew, look at and revoke leases", leaseHelp,
		newLeaseGrantCommand(a), newLeaseKeepAliveCommand(a), newLeaseRevokeCommand(a),
		newLeaseGetCommand(a), newLeaseListCommand(a))
	group.Example = leaseExample
	return group
}

func newLeaseGrantCommand(a *app) *cobra.Command {
	var (
		id   int64
		card sessionFlags
	)
	cmd := &cobra.Command{
		Use:     "grant TTL",
		Short:   "Grant a lease and print its id",
		Example: "  conclave lease grant 30s",
		Args:    takes("TTL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ttl, err := parseDuration("TTL", args[0])
			if err != nil {
				return err
			}
			if err := checkTTL("TTL", ttl); err != nil {
				return err
			}
			card.ttl = ttl
			options := card.options()
			if cmd.Flags().Changed("id") {
				if id < 1 {
					return misused("--id %d: give 1 or more", id)
				}
				options = append(options, conclave.WithLeaseID(conclave.LeaseID(id)))
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				lease, err := c.GrantLease(ctx, options...)
				if err != nil {
					return err
				}
				return a.printOne(map[string]any{"lease_id": lease, "ttl": span(ttl)}, lease.String(),
					[]string{"LEASE", "TTL"}, lease.String(), short(ttl))
			})
		},
	}
	cmd.Flags().Int64Var(&id, "id", 0, "ask for this lease id (default: the service chooses)")
	card.defineCard(cmd)
	return cmd
}

func newLeaseKeepAliveCommand(a *app) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:     "keep-alive LEASE",
		Aliases: []string{"keepalive"},
		Short:   "Renew a lease until interrupted",
		Long: `Renew a lease until interrupted. The lease stays when this ends, until its TTL
has passed. When the lease is gone, or was never there, the exit code is 4.`,
		Args: takes("LEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseNumber("LEASE", args[0])
			if err != nil {
				return err
			}
			return a.keepAlive(cmd.Context(), conclave.LeaseID(id), once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "renew it once")
	return cmd
}

func (a *app) keepAlive(ctx context.Context, id conclave.LeaseID, once bool) error {
	var s *conclave.Session
	err := a.call(ctx, func(ctx context.Context, c *conclave.Client) (err error) {
		s, err = c.AttachSession(ctx, id)
		return err
	})
	if errors.Is(err, conclave.ErrLeaseNotFound) {
		return lost(fmt.Sprintf("lease %d cannot be kept", id), err)
	}
	if err != nil {
		return err
	}
	defer s.Detach()
	err = a.printOne(map[string]any{"lease_id": id, "ttl": span(s.TTL())},
		fmt.Sprintf("lease %d renewed, TTL %s", id, short(s.TTL())),
		[]string{"LEASE", "TTL"}, id.String(), short(s.TTL()))
	if err != nil || once {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-s.Context().Done():
		return lost(fmt.Sprintf("lease %d has ended", id), context.Cause(s.Context()))
	}
}

func newLeaseRevokeCommand(a *app) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke LEASE",
		Short: "End a lease and all that it owns",
		Args:  takes("LEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseNumber("LEASE", args[0])
			if err != nil {
				return err
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				released, err := c.RevokeLease(ctx, conclave.LeaseID(id), reason)
				if err != nil {
					return err
				}
				return a.printOne(map[string]any{"lease_id": id, "released": released},
					fmt.Sprintf("lease %d revoked, %d released", id, released),
					[]string{"LEASE", "RELEASED"}, fmt.Sprint(id), fmt.Sprint(released))
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "what its owner is told")
	return cmd
}

func newLeaseGetCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "get LEASE",
		Aliases: []string{"timetolive"},
		Short:   "Show a lease, its keys and what it owns",
		Args:    takes("LEASE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := parseNumber("LEASE", args[0])
			if err != nil {
				return err
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				lease, err := c.GetLease(ctx, conclave.LeaseID(id))
				if err != nil {
					return err
				}
				view := leaseView(lease)
				return a.print(answer{
					data: view,
					head: leaseHead,
					rows: [][]string{leaseRow(lease)},
					plain: func(w io.Writer) {
						fmt.Fprintf(w, "lease:     %d\nTTL:       %s\nremaining: %s\nowner:     %s\n",
							lease.ID, short(lease.TTL), short(lease.Remaining), lease.Card)
						for _, key := range lease.Keys {
							fmt.Fprintf(w, "key:       %s\n", visible(key))
						}
						for _, owned := range lease.Owns {
							fmt.Fprintf(w, "owns:      %s\n", visible(owned))
						}
					},
				})
			})
		},
	}
}

func newLeaseListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all leases",
		Args:  takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				views, rows := []leaseJSON{}, [][]string{}
				for lease, err := range c.Leases(ctx) {
					if err != nil {
						return err
					}
					views = append(views, leaseView(lease))
					rows = append(rows, leaseRow(lease))
				}
				return a.print(answer{data: views, head: leaseHead, rows: rows})
			})
		},
	}
}

var leaseHead = []string{"LEASE", "TTL", "REMAINING", "OWNER", "OWNS"}

func leaseRow(l *conclave.Lease) []string {
	owns := append([]string{}, l.Owns...)
	for _, key := range l.Keys {
		owns = append(owns, "key/"+key)
	}
	return []string{l.ID.String(), short(l.TTL), short(l.Remaining), l.Card.String(), strings.Join(owns, " ")}
}

type leaseJSON struct {
	ID        conclave.LeaseID `json:"lease_id"`
	TTL       span             `json:"ttl"`
	Remaining span             `json:"remaining"`
	Owner     *cardJSON        `json:"owner,omitempty"`
	Keys      []text           `json:"keys,omitempty"`
	Owns      []string         `json:"owns,omitempty"`
}

func leaseView(l *conclave.Lease) leaseJSON {
	view := leaseJSON{ID: l.ID, TTL: span(l.TTL), Remaining: span(l.Remaining), Owner: cardView(&l.Card), Owns: l.Owns}
	for _, key := range l.Keys {
		view.Keys = append(view.Keys, text(key))
	}
	return view
}
