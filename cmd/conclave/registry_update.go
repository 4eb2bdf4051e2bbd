package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const serviceUpdateExample = `  conclave service update web 10.0.0.7:80 --status serving     # after a drain
  conclave service update web 10.0.0.7:80 --weight 5 --meta version=1.3 --meta canary=`

type updateFlags struct {
	status   string
	weight   int
	metadata []string
}

func newServiceUpdateCommand(a *app) *cobra.Command {
	var flags updateFlags
	cmd := &cobra.Command{
		Use:   "update SERVICE INSTANCE",
		Short: "Change status, weight or metadata of an instance",
		Long: `Change status, weight or metadata of an instance, whoever registered it. What is
not given stays as it is.`,
		Example:           serviceUpdateExample,
		Args:              takes("SERVICE", "INSTANCE"),
		ValidArgsFunction: a.complete(serviceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := flags.options(cmd)
			if err != nil {
				return err
			}
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				i, err := c.UpdateInstance(ctx, args[0], args[1], options...)
				if err != nil {
					return err
				}
				text := fmt.Sprintf("%s/%s is %s, weight %d", i.Service, i.ID, i.Status, i.Weight)
				return a.printOne(instanceView(i), text, instanceHead, instanceRow(i)...)
			})
		},
	}
	set := cmd.Flags()
	set.StringVar(&flags.status, "status", "", statusNames)
	set.IntVar(&flags.weight, "weight", 1, "its share of the load; with 0 it is chosen for nothing")
	set.StringArrayVar(&flags.metadata, "meta", nil, "NAME=VALUE to set, NAME= to remove")
	offer(cmd, "status", strings.Split(statusNames, ", ")...)
	return cmd
}

func (f *updateFlags) options(cmd *cobra.Command) ([]conclave.UpdateOption, error) {
	var options []conclave.UpdateOption
	if cmd.Flags().Changed("status") {
		status, err := conclave.ParseInstanceStatus(f.status)
		if err != nil {
			return nil, misused("--status: %w", err)
		}
		options = append(options, conclave.SetStatus(status))
	}
	if cmd.Flags().Changed("weight") {
		if f.weight < 0 {
			return nil, misused("--weight %d: give 0 or more", f.weight)
		}
		options = append(options, conclave.SetWeight(f.weight))
	}
	metadata, err := parsePairs("--meta", f.metadata)
	if err != nil {
		return nil, err
	}
	if len(metadata) > 0 {
		options = append(options, conclave.SetMetadata(metadata))
	}
	if len(options) == 0 {
		return nil, misused("%s: nothing is to be changed; give --status, --weight or --meta", title(cmd))
	}
	return options, nil
}
