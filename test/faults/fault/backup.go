package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

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
	if err := s.save(ctx, file); err != nil {
		return err
	}
	out, err := s.conclave(ctx, "snapshot", "status", file, "-w", "json")
	if err != nil {
		return fmt.Errorf("snapshot status: %w: %s", err, out)
	}
	var status struct{ Revision int64 }
	if err = json.Unmarshal([]byte(out), &status); err != nil || status.Revision == 0 {
		return fmt.Errorf("snapshot status says %s: %w", out, err)
	}
	name := fmt.Sprintf("restored-%x", s.Rand.Uint32())
	if _, err = s.Client.CreateNamespace(ctx, name); err != nil {
		return err
	}
	defer func() { _ = s.Client.DeleteNamespace(ctx, name) }()
	if out, err = s.conclave(ctx, "snapshot", "restore", file, "-n", name); err != nil {
		return fmt.Errorf("snapshot restore: %w: %s", err, out)
	}
	return s.compare(ctx, name, conclave.Revision(status.Revision))
}

// save saves a snapshot. Beside a workload that compacts all the time the revision
// may be gone before it was read, which the command says.
func (s *Scene) save(ctx context.Context, file string) error {
	for {
		out, err := s.conclave(ctx, "snapshot", "save", file)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !strings.Contains(out, "run the command again") {
			return fmt.Errorf("snapshot save: %w: %s", err, out)
		}
	}
}

// compare reads both namespaces. A revision that has been compacted meanwhile
// cannot be compared.
func (s *Scene) compare(ctx context.Context, name string, at conclave.Revision) error {
	want, err := contents(s.Client.All(ctx, "", conclave.WithPrefix(), conclave.AtRevision(at)))
	if err != nil {
		return nil
	}
	restored, err := conclave.Dial(ctx, s.Client.Endpoints(), conclave.WithNamespace(name), conclave.WithoutPipeline())
	if err != nil {
		return err
	}
	defer func() { _ = restored.Close() }()
	got, err := contents(restored.All(ctx, "", conclave.WithPrefix()))
	if err != nil {
		return err
	}
	for key, value := range want {
		if got[key] != value {
			s.complain("restored at %d, key %q is %.40q and was %.40q", at, key, got[key], value)
			return nil
		}
	}
	if len(got) != len(want) {
		s.complain("restored at %d there are %d keys and were %d", at, len(got), len(want))
	}
	return nil
}

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
