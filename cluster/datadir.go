package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The data directory:
//
//	identity      who this node is
//	starts        which starts of this node it knows of (starts.go)
//	LOCK          held by the process that uses the directory
//	raft/         Dragonboat's: the Raft log of all shards
//	sm/S-R/       the state machine of replica R of shard S
//	sm/S-R.applied  how far it has come (applied.go)
const (
	raftDir = "raft"
	smDir   = "sm"
)

// openDir makes the data directory, checks that it can be used, and takes it
// for this process until the returned function is called.
func openDir(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the data directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write to the data directory: %w", err)
	}
	if err := lockFile(file); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("the data directory %s is in use by another process", dir)
	}
	return func() { _ = file.Close() }, nil
}

func machineDir(dir string, shard, replica uint64) string {
	return filepath.Join(dir, smDir, fmt.Sprintf("%d-%d", shard, replica))
}

// checkComplete finds out whether a directory that was complete still is. A
// replica that goes on without its log or its state could forget what it has
// voted for or acknowledged (promise S2).
func checkComplete(dir string, id *identity) error {
	if _, err := os.Stat(filepath.Join(dir, raftDir)); errors.Is(err, fs.ErrNotExist) {
		return id.lost("the Raft log is missing from " + dir)
	}
	for _, shard := range id.shards() {
		if _, err := os.Stat(machineDir(dir, shard, id.ReplicaID)); errors.Is(err, fs.ErrNotExist) {
			return id.lost(fmt.Sprintf("the state of shard %d is missing from %s", shard, dir))
		}
	}
	return nil
}

// lost is why this node may not start, and what to do about it.
func (id *identity) lost(why string) error {
	if len(id.Members) > 1 {
		return lost(id.Name, why)
	}
	return fmt.Errorf("%s: the data of node %q was lost or this is the wrong data directory; no other node has it, "+
		"so restore the directory from a backup, or begin a new cluster in an empty one", why, id.Name)
}

// lost is why a node may not be part of its cluster (promise S2), and what to
// do about it.
func lost(name, why string) error {
	return fmt.Errorf("%s: the data of node %q was lost or this is the wrong data directory; "+
		"run `conclave member replace %s` on another node and then start this one with an empty "+
		"directory and --initial-cluster-state existing", why, name, name)
}

// adoptHostname lets a directory be used after its machine was renamed or its
// disk was moved to another one. Dragonboat keeps its files below a folder of
// the machine's name, with the name on record beside it, and refuses another
// name; but nothing depends on it. So the folder is renamed and the record is
// removed, which makes Dragonboat write a new one. A crash in between is
// repaired by the next start.
func adoptHostname(dir string) error {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return fmt.Errorf("this machine has no hostname, and the Raft log is filed under it: %v", err)
	}
	raft := filepath.Join(dir, raftDir)
	entries, err := os.ReadDir(raft)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot read the data directory: %w", err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, e.Name())
		}
	}
	switch {
	case len(folders) == 0 || len(folders) == 1 && folders[0] == host:
		return nil
	case len(folders) > 1:
		return fmt.Errorf("%s holds the Raft logs of several hosts (%s); remove those that are not this node's",
			raft, strings.Join(folders, ", "))
	}
	if err := os.Remove(filepath.Join(raft, "dragonboat.ds")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot adopt the hostname %q: %w", host, err)
	}
	if err := os.Rename(filepath.Join(raft, folders[0]), filepath.Join(raft, host)); err != nil {
		return fmt.Errorf("cannot adopt the hostname %q: %w", host, err)
	}
	return syncDir(raft)
}
