package damage

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Kind is what files hold.
type Kind string

// The kinds of files below a data directory.
const (
	// RaftLog is where entries are appended before they are acknowledged.
	RaftLog Kind = "raft log"
	// RaftTable is older entries, in tables.
	RaftTable Kind = "raft table"
	// RaftManifest names the tables and logs of the Raft log.
	RaftManifest Kind = "raft manifest"
	// Snapshot is Dragonboat's record of a snapshot, or one that was received.
	Snapshot Kind = "snapshot"
	// StateTable is the state of a replica. (The log of its Pebble has no records.)
	StateTable Kind = "state table"
	// StateManifest names those tables, and says how far that got (WITNESS).
	StateManifest Kind = "state manifest"
	// StatePointer is CURRENT, which names the state that is in use, and the mark of
	// how far it was applied.
	StatePointer Kind = "state pointer"
	// Identity says whose directory it is.
	Identity Kind = "identity"
)

// patterns are of the paths below a data directory.
var patterns = map[Kind][]string{
	RaftLog:       {"raft/*/*/logdb-*/*.log"},
	RaftTable:     {"raft/*/*/logdb-*/*.sst"},
	RaftManifest:  {"raft/*/*/logdb-*/MANIFEST-*", "raft/*/*/logdb-*/CURRENT"},
	Snapshot:      {"raft/*/*/snapshot-part-*/*/*/*"},
	StateTable:    {"sm/*/db-*/*.sst"},
	StateManifest: {"sm/*/db-*/MANIFEST-*", "sm/*/db-*/WITNESS"},
	StatePointer:  {"sm/*/CURRENT", "sm/*.applied"},
	Identity:      {"identity", "raft/dragonboat.ds"},
}

// Kinds lists all kinds, always in the same order.
func Kinds() []Kind {
	var kinds []Kind
	for kind := range patterns {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// Files lists the files of a kind that have something to damage, in order of their
// paths. There may be none: a young directory has no tables.
func Files(dataDir string, kind Kind) ([]string, error) {
	if patterns[kind] == nil {
		return nil, fmt.Errorf("damage: there is no kind %q", kind)
	}
	var found []string
	for _, pattern := range patterns[kind] {
		paths, err := filepath.Glob(filepath.Join(escape(dataDir), pattern))
		if err != nil {
			return nil, fmt.Errorf("damage: %w", err)
		}
		found = append(found, paths...)
	}
	found = slices.DeleteFunc(found, func(path string) bool {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			return true // a running process may have removed it
		}
		used, err := used(path)
		return err != nil || used == 0
	})
	slices.Sort(found)
	return found, nil
}

// Pick draws one file of a kind.
func Pick(rng *rand.Rand, dataDir string, kind Kind) (string, error) {
	found, err := Files(dataDir, kind)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("damage: %s has no %s", dataDir, kind)
	}
	return found[rng.IntN(len(found))], nil
}

// escape makes a path mean itself in a pattern.
func escape(path string) string {
	var escaped []byte
	for _, c := range []byte(path) {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			escaped = append(escaped, '\\')
		}
		escaped = append(escaped, c)
	}
	return string(escaped)
}
