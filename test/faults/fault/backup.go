package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// backup is F25: what is restored has to be, key by key, what a read at the
// snapshot's revision tells.
func backup(ctx context.Context, s *Scene) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.begin("default", false)
	file := filepath.Join(s.Dir, "backup.snapshot")
	defer func() { _ = os.Remove(file) }()
	want, err := original(time.Now().Add(patience/2),
		func() (conclave.Revision, error) { return s.save(ctx, file) },
		func(at conclave.Revision) (map[string]string, error) {
			return contents(s.Client.All(ctx, "", conclave.WithPrefix(), conclave.AtRevision(at)))
		})
	if IsNothing(err) {
		return s.nothing()
	}
	if err != nil {
		return err
	}
	if err := s.status(ctx, file); err != nil {
		return err
	}
	s.target = fmt.Sprintf("default, %d keys", len(want))
	name := fmt.Sprintf("restored-%x", s.Rand.Uint32())
	if _, err := s.Client.CreateNamespace(ctx, name); err != nil {
		return err
	}
	defer func() { _ = s.Client.DeleteNamespace(ctx, name) }()
	if out, err := s.conclave(ctx, "snapshot", "restore", file, "-n", name); err != nil {
		return fmt.Errorf("snapshot restore: %w: %s", err, out)
	}
	got, err := s.restored(ctx, name)
	if err != nil {
		return err
	}
	if wrong := differs(want, got); wrong != "" {
		s.complain("of what was restored, %s", wrong)
	}
	return nil
}

// original saves a snapshot and returns what a read at its revision tells. Beside a
// workload that compacts all the time the revision may be gone before it was read:
// then another snapshot is saved. There is nothing to compare when that has not
// succeeded by a moment.
func original(
	by time.Time, save func() (conclave.Revision, error), read func(conclave.Revision) (map[string]string, error),
) (map[string]string, error) {
	for time.Now().Before(by) {
		at, err := save()
		if err != nil && !errors.Is(err, conclave.ErrCompacted) {
			return nil, err
		}
		if err != nil {
			continue
		}
		want, err := read(at)
		if err == nil || !errors.Is(err, conclave.ErrCompacted) {
			return want, err
		}
	}
	return nil, errNothing
}

// save saves a snapshot and returns its revision. When that was compacted before it
// was read, the command says so.
func (s *Scene) save(ctx context.Context, file string) (conclave.Revision, error) {
	out, err := s.conclave(ctx, "snapshot", "save", file, "-w", "json")
	if err != nil && strings.Contains(out, "run the command again") {
		return 0, conclave.ErrCompacted
	}
	if err != nil {
		return 0, fmt.Errorf("snapshot save: %w: %s", err, out)
	}
	return revisionOf(out)
}

// status has the command check the file.
func (s *Scene) status(ctx context.Context, file string) error {
	out, err := s.conclave(ctx, "snapshot", "status", file, "-w", "json")
	if err != nil {
		return fmt.Errorf("snapshot status: %w: %s", err, out)
	}
	_, err = revisionOf(out)
	return err
}

// revisionOf is the revision in what the command says of a snapshot.
func revisionOf(out string) (conclave.Revision, error) {
	var said struct{ Revision int64 }
	if err := json.Unmarshal([]byte(out), &said); err != nil || said.Revision == 0 {
		return 0, fmt.Errorf("of the snapshot the command says %s: %w", out, err)
	}
	return conclave.Revision(said.Revision), nil
}

// restored reads a namespace.
func (s *Scene) restored(ctx context.Context, name string) (map[string]string, error) {
	client, err := conclave.Dial(ctx, s.Client.Endpoints(), conclave.WithNamespace(name), conclave.WithoutPipeline())
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	return contents(client.All(ctx, "", conclave.WithPrefix()))
}

// differs says what is not as it was; "" when everything is.
func differs(want, got map[string]string) string {
	for key, value := range want {
		if got[key] != value {
			return fmt.Sprintf("key %q is %.40q and was %.40q", key, got[key], value)
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("there are %d keys and were %d", len(got), len(want))
	}
	return ""
}

// contents are the keys of a read, with all that there is to them.
func contents(all func(func(conclave.KV, error) bool)) (map[string]string, error) {
	keys := map[string]string{}
	for kv, err := range all {
		if err != nil {
			return nil, err
		}
		// A key whose lease has ended since is not what is compared here.
		if kv.Lease == 0 {
			keys[kv.Key] = fmt.Sprintf("%d %d %d %s", kv.Created, kv.Modified, kv.Version, kv.Value)
		}
	}
	return keys, nil
}

// conclave runs the command line against all nodes.
func (s *Scene) conclave(ctx context.Context, args ...string) (string, error) {
	args = append(args, "--endpoints", strings.Join(s.Client.Endpoints(), ","), "--timeout", "30s")
	out, err := exec.CommandContext(ctx, s.Binary, args...).CombinedOutput()
	return string(out), err
}
