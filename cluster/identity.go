package cluster

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// identityFile is in the data directory. Its first line is
// "conclave-identity 1 CRC", the CRC-32C of the rest, which is JSON.
const identityFile = "identity"

const identityVersion = 1

// identity is who a data directory is. It never changes, but for Complete.
type identity struct {
	ClusterID uint64 `json:"cluster_id"`
	// Members and Token are what ClusterID was made of, to say what differs.
	Members []string `json:"members"`
	Token   string   `json:"token"`
	Name    string   `json:"name"`
	// Incarnation is random, made with the directory: another directory is
	// another incarnation (promise S2).
	Incarnation uint64   `json:"incarnation"`
	Generation  uint64   `json:"generation"`
	ReplicaID   uint64   `json:"replica_id"`
	DataShards  []uint64 `json:"data_shards"`
	// Join says that the replicas join shards that exist.
	Join bool `json:"join"`
	// Complete is set when all replicas have been made. From then on a missing
	// one means that its data was lost.
	Complete bool `json:"complete"`
}

// shards are the ids of all shards of which this node has a replica.
func (id *identity) shards() []uint64 {
	return append([]uint64{systemShard}, id.DataShards...)
}

// memberNames are the names of a configured cluster, sorted.
func memberNames(peers []Peer) []string {
	names := make([]string, len(peers))
	for i, p := range peers {
		names[i] = p.Name
	}
	slices.Sort(names)
	return names
}

// clusterID tells clusters apart by their token and the names of their members.
// All members compute the same one without talking to each other.
func clusterID(token string, members []string) uint64 {
	h := sha256.New()
	for _, s := range append([]string{token}, members...) {
		_, _ = fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return max(1, binary.BigEndian.Uint64(h.Sum(nil)))
}

// nodeHostID is the UUID (version 5, RFC 9562) under which Raft knows a node.
// Everybody can compute it from the node table, so it is not stored there.
func nodeHostID(cluster uint64, name string, generation uint64) string {
	seed := binary.BigEndian.AppendUint64(nil, cluster)
	seed = binary.BigEndian.AppendUint64(seed, generation)
	sum := sha1.Sum(append(seed, name...))
	u := sum[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// loadIdentity reads a directory's identity; nil when there is none yet.
func loadIdentity(dir string) (*identity, error) {
	path := filepath.Join(dir, identityFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the node's identity: %w", err)
	}
	var version int
	var sum uint32
	head, body, _ := bytes.Cut(data, []byte("\n"))
	if _, err := fmt.Sscanf(string(head), "conclave-identity %d %08x", &version, &sum); err != nil {
		return nil, fmt.Errorf("%s is damaged: it does not begin like an identity file", path)
	}
	if version != identityVersion {
		return nil, fmt.Errorf("%s has format %d, and this program knows %d: it was written by another version",
			path, version, identityVersion)
	}
	if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != sum {
		return nil, fmt.Errorf("%s is damaged: its checksum is wrong", path)
	}
	id := &identity{}
	if err := json.Unmarshal(body, id); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	return id, nil
}

// save writes the identity so that a crash leaves the old file or the new one.
func (id *identity) save(dir string) error {
	body, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, identityFile), sealIdentity(append(body, '\n')))
}

// sealIdentity puts the first line before the content of an identity file.
func sealIdentity(body []byte) []byte {
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return append(fmt.Appendf(nil, "conclave-identity %d %08x\n", identityVersion, sum), body...)
}

// writeFile replaces a file as a whole, durably.
func writeFile(path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// check compares the directory with the configuration.
func (id *identity) check(cfg *Config) error {
	switch members := memberNames(cfg.InitialCluster); {
	case id.Name != cfg.Name:
		return fmt.Errorf("the data directory %s belongs to node %q and not to %q", cfg.Dir, id.Name, cfg.Name)
	case id.Token != cfg.ClusterToken:
		return fmt.Errorf("the data directory %s belongs to a cluster with another token", cfg.Dir)
	case !slices.Equal(id.Members, members):
		return fmt.Errorf("the data directory %s belongs to a cluster of %q, and the configuration names %q",
			cfg.Dir, id.Members, members)
	}
	return nil
}
