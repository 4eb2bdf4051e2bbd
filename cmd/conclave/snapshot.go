package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/internal/archive"
	"github.com/conclavehq/conclave/internal/migrate"
	"github.com/conclavehq/conclave/internal/version"
	conclave "github.com/conclavehq/conclave/sdk"
)

const snapshotHelp = `Save the keys of a namespace to a file, look at such a file, and restore it into a
fresh namespace: of the same cluster or of another one, of this version or of a
later one.

A snapshot has all keys at one revision, with their revisions, versions and leases.
It has no locks, elections, queues or services: those belong to processes that run.
It is not a database file of etcd (bbolt), whatever command saved it.`

const snapshotExample = `  conclave snapshot save backup.db
  conclave snapshot status backup.db -w table
  conclave namespace create restored && conclave snapshot restore backup.db -n restored`

func newSnapshotCommand(a *app) *cobra.Command {
	group := newGroup("snapshot", "Save, look at and restore the keys of a namespace", snapshotHelp,
		newSnapshotSaveCommand(a), newSnapshotStatusCommand(a), newSnapshotRestoreCommand(a))
	group.Example = snapshotExample
	return group
}

// snapshotJSON is what is in a snapshot.
type snapshotJSON struct {
	Hash      string    `json:"hash"`
	Revision  int64     `json:"revision"`
	Keys      int64     `json:"total_keys"`
	Leases    int64     `json:"total_leases"`
	Size      int64     `json:"total_size"`
	Namespace string    `json:"namespace"`
	Cluster   string    `json:"cluster_id"`
	Made      time.Time `json:"made"`
	Program   string    `json:"made_by"`
}

var snapshotHead = []string{"HASH", "REVISION", "TOTAL KEYS", "TOTAL LEASES", "TOTAL SIZE", "NAMESPACE", "MADE", "MADE BY"}

func snapshotOf(h archive.Header, s archive.Summary) snapshotJSON {
	return snapshotJSON{
		Hash: fmt.Sprintf("%016x", s.Digest), Revision: h.Revision, Keys: s.Keys, Leases: s.Leases, Size: s.Bytes,
		Namespace: h.Namespace, Cluster: fmt.Sprintf("%x", h.Cluster), Made: h.Made, Program: h.Program,
	}
}

func (s snapshotJSON) row() []string {
	return []string{
		s.Hash, fmt.Sprint(s.Revision), fmt.Sprint(s.Keys), fmt.Sprint(s.Leases), sizeText(s.Size), s.Namespace, clock(s.Made), s.Program,
	}
}

func newSnapshotSaveCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "save FILE",
		Short: "Save all keys at the current revision",
		Args:  takes("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.reached(cmd.Context())
			if err != nil {
				return err
			}
			header, summary, err := a.saveSnapshot(cmd.Context(), client, args[0])
			if errors.Is(err, conclave.ErrCompacted) {
				return fmt.Errorf("revision %d was compacted while it was saved; run the command again", header.Revision)
			}
			if err != nil {
				return err
			}
			saved := snapshotOf(header, summary)
			return a.printOne(saved, fmt.Sprintf("saved %d keys and %d leases of namespace %s at revision %d to %s (%s)",
				saved.Keys, saved.Leases, saved.Namespace, saved.Revision, args[0], sizeText(saved.Size)), snapshotHead, saved.row()...)
		},
	}
}

// saveSnapshot writes a snapshot beside its place, and puts it there when it is whole
// and on the disk.
func (a *app) saveSnapshot(ctx context.Context, client *conclave.Client, path string) (h archive.Header, s archive.Summary, err error) {
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-")
	if err != nil {
		return h, s, err
	}
	defer func() {
		if err != nil {
			_ = part.Close()
			_ = os.Remove(part.Name())
		}
	}()
	show := a.newProgress()
	defer show.end()
	out := &summed{out: part, sum: sha256.New()}
	if h, s, err = migrate.Save(ctx, client, out, "conclave "+version.Version, show.report); err != nil {
		return h, s, err
	}
	// The sum is what etcdctl writes after a snapshot, too.
	if _, err = part.Write(out.sum.Sum(nil)); err != nil {
		return h, s, err
	}
	if err = errors.Join(part.Sync(), part.Close()); err != nil {
		return h, s, err
	}
	return h, s, os.Rename(part.Name(), path)
}

// summed is a writer that sums up what it writes.
type summed struct {
	out io.Writer
	sum hash.Hash
}

func (s *summed) Write(data []byte) (int, error) {
	_, _ = s.sum.Write(data)
	return s.out.Write(data)
}

func newSnapshotStatusCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "status FILE",
		Short: "Check a snapshot, and tell what is in it",
		Args:  takes("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			show := a.newProgress()
			contents, err := migrate.ReadContents(opened(args[0]), func(keys int64) { show.counted("checking", keys, 0, 0) })
			show.end()
			if err != nil {
				return snapshotFailed(args[0], err)
			}
			found := snapshotOf(contents.Header, contents.Summary)
			return a.print(answer{data: found, head: snapshotHead, rows: [][]string{found.row()}})
		},
	}
}

// opened opens a file, each time it is called.
func opened(path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(path) }
}

// snapshotFailed says what is wrong with a file, and what to do with it.
func snapshotFailed(path string, err error) error {
	switch {
	case errors.Is(err, archive.ErrBolt):
		return fmt.Errorf("%s is a database file of etcd (bbolt), which only etcd can read: restore it there, and copy that etcd with conclave import etcd", path)
	case errors.Is(err, archive.ErrForeign):
		return fmt.Errorf("%s is not a snapshot: it does not begin like one", path)
	case errors.Is(err, archive.ErrVersion):
		return fmt.Errorf("%s: %w; use the version of conclave that wrote it, or a later one", path, err)
	case errors.Is(err, archive.ErrDamaged):
		return fmt.Errorf("%s: %w; nothing was restored from it", path, err)
	}
	return err
}
