package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

func newServiceWatchCommand(a *app) *cobra.Command {
	var count int
	cmd := &cobra.Command{
		Use:   "watch [SERVICE]",
		Short: "Tell who is there, now and at each change",
		Long: `Tell who is there: first all instances of the service (of all services without
SERVICE), then each that comes, changes (both UP) or goes (DOWN, with the cause),
until interrupted. With -w json each line has the change and all instances.`,
		Args:              takes("[SERVICE]"),
		ValidArgsFunction: a.complete(serviceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.format == formatTable {
				return misused("--write-out table: a watch has no end, so it prints simple or json")
			}
			return a.watchService(cmd.Context(), optionalArg(args), count)
		},
	}
	cmd.Flags().IntVar(&count, "count", 0, "end after so many updates; 0 for never")
	return cmd
}

func (a *app) watchService(ctx context.Context, service string, count int) error {
	if _, err := a.now(ctx, "watch services"); err != nil {
		return err
	}
	c, err := a.dial(ctx)
	if err != nil {
		return err
	}
	seen := 0
	for update, err := range c.WatchInstances(ctx, service) {
		switch {
		case err != nil && ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		if err := a.tellInstances(update); err != nil {
			return err
		}
		if seen++; seen == count {
			return nil
		}
	}
	return nil
}

func (a *app) tellInstances(update conclave.InstancesUpdate) error {
	if a.format == formatJSON {
		return printJSON(a.out, updateView(update))
	}
	for _, change := range update.Changes {
		var err error
		if change.Removed {
			_, err = fmt.Fprintf(a.out, "DOWN %s/%s %s\n", change.Instance.Service, change.Instance.ID, change.Cause)
		} else {
			i := change.Instance
			_, err = fmt.Fprintf(a.out, "UP %s/%s %s %s\n", i.Service, i.ID, i.Address, i.Status)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// updateJSON is a step of a watch for programs.
type updateJSON struct {
	Revision  conclave.Revision `json:"revision"`
	Snapshot  bool              `json:"snapshot"`
	Changes   []changeJSON      `json:"changes"`
	Instances []instanceJSON    `json:"instances"`
}

type changeJSON struct {
	Instance instanceJSON `json:"instance"`
	Removed  bool         `json:"removed"`
	Cause    string       `json:"cause,omitempty"`
}

func updateView(u conclave.InstancesUpdate) updateJSON {
	view := updateJSON{Revision: u.Revision, Snapshot: u.Snapshot, Changes: []changeJSON{}, Instances: []instanceJSON{}}
	for _, c := range u.Changes {
		view.Changes = append(view.Changes, changeJSON{instanceView(c.Instance), c.Removed, c.Cause})
	}
	for _, i := range u.Instances {
		view.Instances = append(view.Instances, instanceView(i))
	}
	return view
}

type serviceJSON struct {
	Service   string `json:"service"`
	Instances int64  `json:"instances"`
	Serving   int64  `json:"serving"`
}

// instanceJSON is an instance for programs.
type instanceJSON struct {
	Service  string            `json:"service"`
	ID       string            `json:"id"`
	Address  string            `json:"address"`
	Status   string            `json:"status"`
	Weight   int               `json:"weight"`
	Zone     string            `json:"zone,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Lease    conclave.LeaseID  `json:"lease_id"`
	Owner    *cardJSON         `json:"owner,omitempty"`
	Created  conclave.Revision `json:"create_revision"`
	Modified conclave.Revision `json:"mod_revision"`
}

func instanceView(i conclave.Instance) instanceJSON {
	return instanceJSON{
		i.Service, i.ID, i.Address, i.Status.String(), i.Weight, i.Zone, i.Metadata,
		i.Lease, cardView(&i.Card), i.Created, i.Modified,
	}
}

var instanceHead = []string{"SERVICE", "INSTANCE", "ADDRESS", "STATUS", "WEIGHT", "ZONE", "METADATA"}

func instanceRow(i conclave.Instance) []string {
	var metadata []string
	for name, value := range sorted(i.Metadata) {
		metadata = append(metadata, name+"="+value)
	}
	return []string{i.Service, i.ID, i.Address, i.Status.String(), fmt.Sprint(i.Weight), i.Zone, strings.Join(metadata, " ")}
}

// sorted goes through a map in the order of its keys.
func sorted(pairs map[string]string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for _, name := range slices.Sorted(maps.Keys(pairs)) {
			if !yield(name, pairs[name]) {
				return
			}
		}
	}
}
