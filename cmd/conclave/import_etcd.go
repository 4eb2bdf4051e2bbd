package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
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

// etcdFlags say where an etcd is, as etcdctl's do.
type etcdFlags struct {
	endpoints          []string
	user, password     string
	cacert, cert, key  string
	insecureSkipVerify bool
}

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

func (f *etcdFlags) define(cmd *cobra.Command) {
	set := cmd.Flags()
	endpoints := []string{"http://127.0.0.1:2379"}
	if given := os.Getenv("ETCDCTL_ENDPOINTS"); given != "" {
		endpoints = strings.Split(given, ",")
	}
	set.StringSliceVar(&f.endpoints, "endpoints", endpoints, "members of etcd to copy from (ETCDCTL_ENDPOINTS)")
	set.StringVar(&f.user, "user", "", "NAME or NAME:PASSWORD, for an etcd with authentication (ETCDCTL_USER)")
	set.StringVar(&f.password, "password", "", "password of --user (ETCDCTL_PASSWORD)")
	set.StringVar(&f.cacert, "cacert", "", "file of the certificates that sign etcd's (ETCDCTL_CACERT)")
	set.StringVar(&f.cert, "cert", "", "file of the certificate to show to etcd (ETCDCTL_CERT)")
	set.StringVar(&f.key, "key", "", "file of its key (ETCDCTL_KEY)")
	set.BoolVar(&f.insecureSkipVerify, "insecure-skip-tls-verify", false, "take any certificate of etcd's; for tests")
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

// fill takes what was not given from etcdctl's variables.
func (f *etcdFlags) fill() {
	f.user = cmp.Or(f.user, os.Getenv("ETCDCTL_USER"))
	f.password = cmp.Or(f.password, os.Getenv("ETCDCTL_PASSWORD"))
	f.cacert = cmp.Or(f.cacert, os.Getenv("ETCDCTL_CACERT"))
	f.cert = cmp.Or(f.cert, os.Getenv("ETCDCTL_CERT"))
	f.key = cmp.Or(f.key, os.Getenv("ETCDCTL_KEY"))
}

// config is where etcd is and who asks.
func (f *etcdFlags) config() (etcdsource.Config, error) {
	f.fill()
	user, password, _ := strings.Cut(f.user, ":")
	password = cmp.Or(password, f.password)
	if user != "" && password == "" && f.cert == "" {
		return etcdsource.Config{}, misused("--user %s: give the password as --user NAME:PASSWORD, --password or ETCDCTL_PASSWORD", user)
	}
	settings, err := f.tls()
	return etcdsource.Config{Endpoints: f.endpoints, User: user, Password: password, TLS: settings}, err
}

// tls is nil if nothing is said about certificates.
func (f *etcdFlags) tls() (*tls.Config, error) {
	if f.cacert == "" && f.cert == "" && f.key == "" && !f.insecureSkipVerify {
		return nil, nil
	}
	if (f.cert == "") != (f.key == "") {
		return nil, misused("--cert and --key belong together: give both")
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecureSkipVerify}
	if f.cacert != "" {
		pem, err := os.ReadFile(f.cacert)
		if err != nil {
			return nil, misused("--cacert: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, misused("--cacert %s has no certificate in it", f.cacert)
		}
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, misused("--cert and --key: %w", err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return settings, nil
}

// importEtcd is the whole of the command.
func (a *app) importEtcd(ctx context.Context, flags importEtcdFlags) error {
	config, err := flags.etcd.config()
	if err != nil {
		return err
	}
	show := a.newProgress()
	defer show.end()
	notes := make(chan string, 16)
	config.Span = prefixSpan(flags.prefix)
	config.DialTimeout, config.Patience = a.dialTimeout, a.timeout
	config.Note = func(text string) {
		select {
		case notes <- text:
		default: // there is enough of them
		}
	}
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

	// The first interruption of a --follow is its cut-over, the second one ends it.
	hard, stop := ctx, (<-chan struct{})(nil)
	if flags.follow {
		var release context.CancelFunc
		hard, release = a.twice(ctx)
		defer release()
		stop = ctx.Done()
	}
	destination := migrate.NewDestination(client, etcd.Source(), flags.hold)
	result, err := migrate.Move{
		Origin: etcd, Destination: destination, Span: config.Span,
		Follow: flags.follow, Until: flags.until, Stop: stop,
		Report: func(r migrate.Report) {
			for len(notes) > 0 {
				show.note(<-notes)
			}
			show.report(r)
		},
	}.Run(hard)
	show.end()
	if err != nil {
		return a.importFailed(hard, err)
	}
	return a.printImport(etcd.Source(), result)
}

// twice is a context that goes on when ctx ends, until there is another signal.
func (a *app) twice(ctx context.Context) (context.Context, context.CancelFunc) {
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
		select {
		case <-signals:
			cancel()
		case <-hard.Done():
		}
		signal.Stop(signals)
	})
	return hard, func() {
		stop()
		cancel()
	}
}

// prefixSpan is the keys that begin with a prefix.
func prefixSpan(prefix string) migrate.Span {
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xFF {
		end = end[:len(end)-1]
	}
	if len(end) > 0 {
		end[len(end)-1]++
	}
	return migrate.Span{From: prefix, To: string(end)}
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
		return misused("what answers at --endpoints is the cluster that the keys would go to; name etcd's members with --endpoints")
	}
	return nil
}

// importFailed adds what to do next.
func (a *app) importFailed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return &exitError{exitFailed, "interrupted; what was copied stays, and the same command goes on from there"}
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
