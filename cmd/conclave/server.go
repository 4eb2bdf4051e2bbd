package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/internal/config"
	"github.com/conclavehq/conclave/internal/profiles"
	"github.com/conclavehq/conclave/internal/server"
)

const serverHelp = `Run a node.

With no flag it is a complete single node that keeps its data in
./default.conclave and serves clients on http://127.0.0.1:7400.

Every flag can also be given as variable (--data-dir is CONCLAVE_DATA_DIR) or
in a YAML file (--config-file); with a file, only the file counts.`

const serverExample = `  # A single node
  conclave server

  # One node of three
  conclave server --name n1 --data-dir n1 \
    --listen-client-urls http://127.0.0.1:7410 --listen-peer-urls http://127.0.0.1:7411 \
    --initial-cluster n1=http://127.0.0.1:7411,n2=http://127.0.0.1:7421,n3=http://127.0.0.1:7431`

func newServerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "server",
		Short:   "Run a node",
		Long:    serverHelp,
		Example: serverExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, err := config.Load(cmd.Flags(), os.Environ())
			if err != nil {
				return usageError{err}
			}
			logger := server.NewLogger(settings, cmd.ErrOrStderr())
			// What dependencies have to say becomes lines of the node's log.
			log.SetFlags(0)
			log.SetOutput(server.StandardLog(logger))
			leaveGCRoom()
			if settings.ListenDebugURL == "" {
				// A program that links the profiles samples its allocations, even when
				// nobody can ask for them.
				runtime.MemProfileRate = 0
			}
			node, err := server.Start(cmd.Context(), server.Options{
				Settings: settings,
				Debug:    profiles.Handler(),
				Log:      logger,
			})
			if err != nil {
				return fmt.Errorf("cannot start: %w%s", err, startAdvice(err))
			}
			return node.Wait(cmd.Context())
		},
	}
	config.Flags(cmd.Flags())
	return cmd
}

// startAdvice is what to do about an error, when that is not what it says itself.
func startAdvice(err error) string {
	if errors.Is(err, syscall.ENOSPC) {
		return "; nothing is lost: give the disk room and start the node again"
	}
	return ""
}
