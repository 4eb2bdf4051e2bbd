package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/internal/migrate"
)

const snapshotRestoreHelp = `Restore a snapshot into a namespace without keys, in a running cluster. The file may
come from conclave snapshot save, or from etcdctl snapshot save with a Conclave as
its endpoint; it is checked whole before anything is written.

Keys keep their revisions and versions; leases begin anew with their full TTL. The
namespace's revision is set above the snapshot's by --bump-revision, because other
revisions were given out after the snapshot was made: no token comes twice, and who
watches from such a revision is told to begin anew.`

// maxBump keeps revisions far below the highest that there are.
const maxBump = 1 << 50

func newSnapshotRestoreCommand(a *app) *cobra.Command {
	var bump int64
	var hold time.Duration
	cmd := &cobra.Command{
		Use:     "restore FILE",
		Short:   "Restore a snapshot into a fresh namespace",
		Long:    snapshotRestoreHelp,
		Example: "  conclave namespace create restored\n  conclave snapshot restore backup.db -n restored",
		Args:    takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case bump < 1 || bump > maxBump:
				return misused("--bump-revision %d: give 1 to %d", bump, int64(maxBump))
			case hold < minHold || hold > maxTTL:
				return misused("--lease-hold %s: give a time from %s to %s", short(hold), short(minHold), short(maxTTL))
			}
			return a.restoreSnapshot(cmd.Context(), args[0], bump, hold)
		},
	}
	cmd.Flags().Int64Var(&bump, "bump-revision", migrate.DefaultBump, "how far the namespace's revision will be above the snapshot's")
	cmd.Flags().DurationVar(&hold, "lease-hold", migrate.DefaultHold, "how long leases live on if this is interrupted")
	return cmd
}

func (a *app) restoreSnapshot(ctx context.Context, path string, bump int64, hold time.Duration) error {
	client, err := a.reached(ctx)
	if err != nil {
		return err
	}
	show := a.newProgress()
	contents, result, err := migrate.Restore{
		Client: client, Open: opened(path), Bump: bump, Hold: hold, Report: show.report,
	}.Run(ctx)
	show.end()
	switch {
	case err != nil && ctx.Err() != nil:
		return &exitError{exitFailed, "interrupted; the same command begins again, in the same namespace"}
	case err != nil:
		return a.importFailed(ctx, snapshotFailed(path, err))
	}
	data := map[string]any{
		"revision": result.Revision, "keys": result.Keys, "leases": result.Leases,
		"hash": fmt.Sprintf("%016x", result.Digest), "snapshot_revision": contents.Revision, "verified": true,
	}
	text := fmt.Sprintf("restored %d keys and %d leases of revision %d; the namespace is at revision %d now and has the same keys, versions and values (hash %016x)",
		result.Keys, result.Leases, contents.Revision, result.Revision, result.Digest)
	return a.printOne(data, text, []string{"KEYS", "LEASES", "SNAPSHOT REVISION", "REVISION", "HASH"},
		fmt.Sprint(result.Keys), fmt.Sprint(result.Leases), fmt.Sprint(contents.Revision), fmt.Sprint(result.Revision), fmt.Sprintf("%016x", result.Digest))
}
