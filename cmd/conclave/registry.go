package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	conclave "github.com/conclavehq/conclave/sdk"
)

const serviceHelp = `Register running copies of services, and follow who is there.

An instance lives as long as the command that registered it: it is gone when that
ends, and within --ttl when it is killed.`

const serviceExample = `  conclave service register web 10.0.0.7:80 -- ./web --port 80
  conclave service list
  conclave service list web
  conclave service watch web
  conclave service drain web 10.0.0.7:80
  conclave service update web 10.0.0.7:80 --status serving`

func newServiceCommand(a *app) *cobra.Command {
	group := newGroup("service", "Register services, and follow who is there", serviceHelp,
		newServiceRegisterCommand(a), newServiceListCommand(a), newServiceWatchCommand(a),
		newServiceUpdateCommand(a), newServiceDrainCommand(a), newServiceDeregisterCommand(a))
	group.Example = serviceExample
	return group
}

const statusNames = "starting, serving, warning, draining, down"

type registerFlags struct {
	session  sessionFlags
	id       string
	zone     string
	status   string
	weight   int
	metadata []string
}

func newServiceRegisterCommand(a *app) *cobra.Command {
	var flags registerFlags
	cmd := &cobra.Command{
		Use:   "register SERVICE ADDRESS [-- COMMAND...]",
		Short: "Register an instance while a command runs, or until interrupted",
		Long: `Register an instance of a service while a command runs, or, without one, until
interrupted. The command is given CONCLAVE_SERVICE and CONCLAVE_INSTANCE; the
exit code is the command's. When the registration is lost, because somebody
deregistered the instance or the service did not hear from us within the TTL, the
command is ended as by "conclave lock", and the exit code is 4.`,
		Example: `  conclave service register web 10.0.0.7:80 --zone eu-1 --meta version=1.2 -- ./web
  conclave service register db 10.0.0.9:5432 --id db-1 --weight 2`,
		Args:              takesCommand("SERVICE", "ADDRESS"),
		ValidArgsFunction: a.complete(serviceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			own, command := split(cmd, args)
			instance, err := flags.instance(own)
			if err != nil {
				return err
			}
			return a.register(cmd.Context(), instance, flags.session, command)
		},
	}
	flags.session.define(cmd)
	set := cmd.Flags()
	set.StringVar(&flags.id, "id", "", "name of the instance within the service (default: the address)")
	set.StringVar(&flags.zone, "zone", "", "where it runs")
	set.StringVar(&flags.status, "status", "serving", statusNames)
	offer(cmd, "status", strings.Split(statusNames, ", ")...)
	set.IntVar(&flags.weight, "weight", 1, "its share of the load")
	set.StringArrayVar(&flags.metadata, "meta", nil, "NAME=VALUE that clients should know")
	return cmd
}

func (f *registerFlags) instance(args []string) (conclave.Instance, error) {
	instance := conclave.Instance{Service: args[0], Address: args[1], ID: f.id, Zone: f.zone, Weight: f.weight}
	if instance.ID == "" {
		instance.ID = args[1]
	}
	if f.weight < 1 {
		return instance, misused("--weight %d: give 1 or more", f.weight)
	}
	var err error
	if instance.Status, err = conclave.ParseInstanceStatus(f.status); err != nil {
		return instance, misused("--status: %w", err)
	}
	instance.Metadata, err = parsePairs("--meta", f.metadata)
	return instance, err
}

func (a *app) register(ctx context.Context, instance conclave.Instance, flags sessionFlags, command []string) error {
	s, err := flags.open(ctx, a)
	if err != nil {
		return err
	}
	defer a.closing(ctx, s)
	var registered *conclave.Registration
	err = a.call(ctx, func(ctx context.Context, _ *conclave.Client) (err error) {
		registered, err = s.Register(ctx, instance)
		return err
	})
	if err != nil {
		return err
	}
	if command == nil {
		view := instanceView(registered.Instance())
		err := a.printOne(view, fmt.Sprintf("registered %s/%s", view.Service, view.ID), instanceHead, instanceRow(registered.Instance())...)
		if err != nil {
			return err
		}
	}
	return tenure{
		session: s,
		what:    fmt.Sprintf("the registration of %s/%s", instance.Service, instance.ID),
		held:    registered.Context(),
		release: registered.Deregister,
		env:     []string{"CONCLAVE_SERVICE=" + instance.Service, "CONCLAVE_INSTANCE=" + instance.ID},
		command: command,
	}.keep(ctx, a)
}

func newServiceListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "list [SERVICE]",
		Short: "List services, or the instances of one",
		Long: `List the services that have instances, or the instances of one. A service that has
none is not there: its list is empty, and the exit code is 0.`,
		Args:              takes("[SERVICE]"),
		ValidArgsFunction: a.complete(serviceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				if len(args) == 0 {
					return a.listServices(ctx, c)
				}
				return a.listInstances(ctx, c, args[0])
			})
		},
	}
}

func (a *app) listServices(ctx context.Context, c *conclave.Client) error {
	views, rows := []serviceJSON{}, [][]string{}
	for s, err := range c.Services(ctx, "") {
		if err != nil {
			return err
		}
		views = append(views, serviceJSON{s.Service, s.Instances, s.Healthy})
		rows = append(rows, []string{s.Service, fmt.Sprint(s.Instances), fmt.Sprint(s.Healthy)})
	}
	return a.print(answer{data: views, head: []string{"SERVICE", "INSTANCES", "SERVING"}, rows: rows})
}

func (a *app) listInstances(ctx context.Context, c *conclave.Client, service string) error {
	views, rows := []instanceJSON{}, [][]string{}
	for i, err := range c.Instances(ctx, service) {
		if err != nil {
			return err
		}
		views = append(views, instanceView(i))
		rows = append(rows, instanceRow(i))
	}
	return a.print(answer{data: views, head: instanceHead, rows: rows})
}

func newServiceDrainCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "drain SERVICE INSTANCE",
		Short:             "Tell clients to start nothing new with an instance",
		Args:              takes("SERVICE", "INSTANCE"),
		ValidArgsFunction: a.complete(serviceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				i, err := c.UpdateInstance(ctx, args[0], args[1], conclave.SetStatus(conclave.Draining))
				if err != nil {
					return err
				}
				return a.printOne(instanceView(i), fmt.Sprintf("%s/%s is draining", i.Service, i.ID), instanceHead, instanceRow(i)...)
			})
		},
	}
}

func newServiceDeregisterCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "deregister SERVICE INSTANCE",
		Short:             "Remove an instance, whoever registered it",
		Args:              takes("SERVICE", "INSTANCE"),
		ValidArgsFunction: a.complete(serviceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(cmd.Context(), func(ctx context.Context, c *conclave.Client) error {
				if err := c.DeregisterInstance(ctx, args[0], args[1]); err != nil {
					return err
				}
				return a.printOne(map[string]any{"service": args[0], "id": args[1]}, fmt.Sprintf("%s/%s is gone", args[0], args[1]),
					[]string{"SERVICE", "INSTANCE"}, args[0], args[1])
			})
		},
	}
}
