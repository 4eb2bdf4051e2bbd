package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	conclave "github.com/conclavehq/conclave/sdk"
)

const defaultEndpoint = "http://127.0.0.1:7400"

// app is what the commands of one run share: the streams, the global flags and
// the connection to the service.
type app struct {
	in         io.Reader
	out        io.Writer
	complaints io.Writer

	endpoints []string
	// toFlag says that they are given with --to: --endpoints are somebody else's.
	toFlag      bool
	namespace   string
	format      string
	timeout     time.Duration
	dialTimeout time.Duration

	client *conclave.Client
}

// flags defines the global flags. An environment variable is the default of
// its flag.
func (a *app) flags(set *pflag.FlagSet) {
	endpoints := []string{defaultEndpoint}
	if given := os.Getenv("CONCLAVE_ENDPOINTS"); given != "" {
		endpoints = strings.Split(given, ",")
	}
	set.StringSliceVar(&a.endpoints, "endpoints", endpoints, "nodes to talk to (CONCLAVE_ENDPOINTS)")
	set.StringVarP(&a.namespace, "namespace", "n", os.Getenv("CONCLAVE_NAMESPACE"), "namespace (CONCLAVE_NAMESPACE; empty: default)")
	set.StringVarP(&a.format, "write-out", "w", formatSimple, "format of the answer: simple, json or table")
	set.DurationVar(&a.timeout, "timeout", 5*time.Second, "how long to try; 0 for no end; not applied to waits")
	set.DurationVar(&a.dialTimeout, "dial-timeout", 2*time.Second, "how long connecting to one node may take")
}

// check refuses global flags that make no sense before a command begins.
func (a *app) check(cmd *cobra.Command, _ []string) error {
	if cmd.Name() == "server" {
		return a.checkServer(cmd)
	}
	log.SetOutput(io.Discard) // what Go's HTTP client meets on its connections is for nobody here
	if !slices.Contains([]string{formatSimple, formatJSON, formatTable}, a.format) {
		return misused("--write-out %q: give simple, json or table", a.format)
	}
	if a.timeout < 0 {
		return misused("--timeout %s: give 0 (no end) or more", a.timeout)
	}
	if a.dialTimeout <= 0 {
		return misused("--dial-timeout %s: give more than 0", a.dialTimeout)
	}
	return textFlags(cmd)
}

// checkServer refuses flags that only clients understand.
func (a *app) checkServer(cmd *cobra.Command) error {
	var err error
	cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			err = misused("conclave server has no flag --%s, which is for clients: see conclave server --help", f.Name)
		}
	})
	return err
}

// dial makes the connection that the commands share. Nothing is sent yet.
func (a *app) dial(ctx context.Context) (*conclave.Client, error) {
	if a.client != nil {
		return a.client, nil
	}
	client, err := a.dialTo(ctx, a.endpoints)
	if err != nil {
		return nil, err
	}
	a.client = client
	return client, nil
}

func (a *app) dialTo(ctx context.Context, endpoints []string) (*conclave.Client, error) {
	options := []conclave.Option{conclave.WithDialTimeout(a.dialTimeout)}
	if a.namespace != "" {
		options = append(options, conclave.WithNamespace(a.namespace))
	}
	client, err := conclave.Dial(ctx, endpoints, options...)
	if err != nil {
		return nil, misused("%s: %w", a.endpointsFlag(), err)
	}
	return client, nil
}

// endpointsFlag is the flag that names the nodes.
func (a *app) endpointsFlag() string {
	if a.toFlag {
		return "--to"
	}
	return "--endpoints"
}

func (a *app) close() {
	if a.client != nil {
		_ = a.client.Close()
	}
}

// brief bounds a call that does not wait.
func (a *app) brief(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, a.timeout)
}

// call does one thing with the service within --timeout.
func (a *app) call(ctx context.Context, do func(context.Context, *conclave.Client) error) error {
	client, err := a.dial(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := a.brief(ctx)
	defer cancel()
	return do(ctx, client)
}

// note tells a human something beside the answer. It is not shown when the
// answer is for a program.
func (a *app) note(format string, args ...any) {
	if a.format != formatJSON {
		fmt.Fprintf(a.complaints, "conclave: "+format+"\n", args...)
	}
}
