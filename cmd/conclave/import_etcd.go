package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/internal/etcdsource"
	"github.com/conclavehq/conclave/internal/migrate"
	conclave "github.com/conclavehq/conclave/sdk"
)

const importEtcdHelp = `Copy a live etcd (v3) into a namespace: all keys at one revision, with their
revisions, versions and leases. The namespace must not have keys of its own, and
nobody else may write to it meanwhile; it is at etcd's revision afterwards.

With --follow it goes on with what changes in etcd, in order and revision by
revision, until it is interrupted (Ctrl-C or SIGTERM). Then it comes to where etcd
is at that moment, and ends. So a cut-over is: let it follow, stop the writers,
press Ctrl-C, start the writers here.

In the end both sides are read at one revision and compared; the last line says so.
Leases are held until then, and get their full TTL at that moment.

All flags are about etcd, as etcdctl has them, with ETCDCTL_* variables as their
defaults; --to (CONCLAVE_ENDPOINTS) and --namespace say where the keys go.

Whatever interrupts it, run it again: it goes on where it was, or copies anew.`

const importEtcdExample = `  conclave import etcd --endpoints http://10.0.0.1:2379,http://10.0.0.2:2379
  conclave import etcd --endpoints https://etcd:2379 --cacert ca.pem --user root:secret --follow
  conclave import etcd --endpoints http://10.0.0.1:2379 --prefix /registry/ --to http://10.0.1.1:7400 -n kube`

// minHold is as long as a lease is held at the least: time to run the command again.
const minHold = time.Minute

type importEtcdFlags struct {
	etcd   etcdFlags
	prefix string
	follow bool
	until  int64
	hold   time.Duration
	to     []string
}

func newImportEtcdCommand(a *app) *cobra.Command {
	var flags importEtcdFlags
	cmd := &cobra.Command{
		Use:     "etcd",
		Short:   "Copy a live etcd, and follow it until the cut-over",
		Long:    importEtcdHelp,
		Example: importEtcdExample,
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.toFlag = true; cmd.Flags().Changed("to") {
				a.endpoints = flags.to
			}
			if err := flags.check(); err != nil {
				return err
			}
			return a.importEtcd(cmd.Context(), flags)
		},
	}
	set := cmd.Flags()
	flags.etcd.define(cmd)
	set.StringSliceVar(&flags.to, "to", []string{defaultEndpoint}, "nodes of Conclave to copy to (CONCLAVE_ENDPOINTS)")
	set.StringVar(&flags.prefix, "prefix", "", "only keys that begin with this")
	set.BoolVar(&flags.follow, "follow", false, "go on with what changes, until interrupted")
	set.Int64Var(&flags.until, "until-revision", 0, "follow until etcd's revision is this")
	set.DurationVar(&flags.hold, "lease-hold", migrate.DefaultHold, "how long leases live on if this is interrupted")
	return cmd
}

func (f *importEtcdFlags) check() error {
	switch {
	case f.until < 0:
		return misused("--until-revision %d: give 1 or more", f.until)
	case f.hold < minHold || f.hold > maxTTL:
		return misused("--lease-hold %s: give a time from %s to %s", short(f.hold), short(minHold), short(maxTTL))
	case len(f.etcd.endpoints) == 0:
		return misused("--endpoints is empty: name a member of etcd, such as http://127.0.0.1:2379")
	}
	return nil
}

// importEtcd is the whole of the command.
func (a *app) importEtcd(ctx context.Context, flags importEtcdFlags) error {
	config, err := flags.etcd.config()
	if err != nil {
		return err
	}
	notes := make(chan string, 16)
	note := func(text string) {
		select {
		case notes <- text:
		default: // there is enough of them
		}
	}
	config.Span = migrate.Prefix(flags.prefix)
	config.DialTimeout, config.Patience, config.Note = a.dialTimeout, cmp.Or(a.timeout, maxTTL), note
	etcd, err := etcdsource.Open(ctx, config)
	if wrong := (*etcdsource.EndpointError)(nil); errors.As(err, &wrong) {
		return misused("--endpoints: %w", wrong)
	}
	if err != nil {
		return err
	}
	defer etcd.Close()
	client, err := a.reached(ctx)
	if err != nil {
		return err
	}
	if err := a.otherThan(ctx, client, etcd.ClusterID()); err != nil {
		return err
	}

	show := a.newProgress()
	move := migrate.Move{
		Origin: etcd, Destination: migrate.NewDestination(client, etcd.Source(), flags.hold), Span: config.Span,
		Follow: flags.follow, Until: flags.until,
		Report: func(r migrate.Report) {
			for len(notes) > 0 {
				show.note(<-notes)
			}
			show.report(r)
		},
	}
	if flags.follow {
		// The first interruption is the cut-over, the second one ends it.
		var release context.CancelFunc
		move.Stop = ctx.Done()
		ctx, release = twice(ctx, func() { note("coming to where etcd is now; interrupt it again to give up") })
		defer release()
	}
	result, err := move.Run(ctx)
	show.end()
	if err != nil {
		return a.importFailed(ctx, err)
	}
	return a.printImport(etcd.Source(), result)
}

// twice is a context that goes on when ctx ends by a signal, until there is another
// one.
func twice(ctx context.Context, once func()) (context.Context, context.CancelFunc) {
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		once()
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
		defer signal.Stop(signals)
		select {
		case <-signals:
			cancel()
		case <-hard.Done():
		}
	})
	return hard, func() {
		stop()
		cancel()
	}
}

// otherThan refuses to copy a cluster into itself, which is easily asked for: its etcd
// port is where etcd's would be.
func (a *app) otherThan(ctx context.Context, client *conclave.Client, etcd uint64) error {
	ctx, cancel := a.brief(ctx)
	defer cancel()
	id, _, err := client.Members(ctx)
	if err != nil {
		return err
	}
	if id == etcd {
		return misused("what answers at --endpoints has the id of the cluster that the keys would go to: name etcd's members with --endpoints, or, if these are two clusters that were set up alike, give one of them an --initial-cluster-token of its own")
	}
	return nil
}

// importFailed adds what to do next.
func (a *app) importFailed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return &exitError{exitFailed, "interrupted; what was copied stays, and the same command goes on from there"}
	case errors.Is(err, conclave.ErrOutcomeUnknown), errors.Is(err, conclave.ErrUnavailable), errors.Is(err, conclave.ErrNoQuorum):
		// Whether the last part was taken does not matter: it is replaced, or is there.
		return &exitError{exitNoReach, fmt.Sprintf("%s has stopped answering; see the logs of its nodes, and run the same command again: it goes on from there",
			strings.Join(a.endpoints, ", "))}
	case errors.Is(err, conclave.ErrImportConflict), errors.Is(err, conclave.ErrNamespaceNotEmpty):
		return fmt.Errorf("%s; make a fresh one with conclave namespace create, and name it with --namespace", reasonOf(err))
	}
	return err
}

func (a *app) printImport(source string, r migrate.Result) error {
	digest := fmt.Sprintf("%016x", r.Digest)
	text := fmt.Sprintf("imported %d keys and %d leases from %s at revision %d; both sides have the same keys, versions and values (digest %s)",
		r.Keys, r.Leases, source, r.Revision, digest)
	data := map[string]any{
		"source": source, "revision": r.Revision, "keys": r.Keys, "leases": r.Leases, "digest": digest, "resumed": r.Resumed, "verified": true,
	}
	return a.printOne(data, text, []string{"SOURCE", "REVISION", "KEYS", "LEASES", "DIGEST"},
		source, fmt.Sprint(r.Revision), fmt.Sprint(r.Keys), fmt.Sprint(r.Leases), digest)
}
