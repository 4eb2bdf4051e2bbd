package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"

	"github.com/conclavehq/conclave/cluster/transport"
	"github.com/conclavehq/conclave/internal/starts"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// startsFile is in the data directory. It is made like the identity file: a first
// line "conclave-starts 1 CRC", and JSON.
const startsFile = "starts"

const startsVersion = 1

// history is which starts of this node its data directory knows of; see package
// starts. It does not change while the process runs.
type history struct {
	Count  uint64           `json:"count"`
	Nonces transport.Starts `json:"nonces"`
}

// beginStart reads what a directory knows, and adds this start. It is on the disk
// before anybody is told of it.
func beginStart(dir string) (history, error) {
	var before history
	err := loadSealed(filepath.Join(dir, startsFile), "conclave-starts", startsVersion, &before)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a new directory has none, nor one of an older version
		return history{}, fmt.Errorf("cannot read which starts are known: %w", err)
	}
	now := history{Count: before.Count + 1}
	now.Nonces[0] = max(1, rand.Uint64())
	copy(now.Nonces[1:], before.Nonces[:])
	return now, now.save(dir)
}

func (h history) save(dir string) error {
	return saveSealed(filepath.Join(dir, startsFile), "conclave-starts", startsVersion, h)
}

// withdraw ends a start that the others refused, as if it had not been. Otherwise an
// old copy that is started again and again would count up to where it passes.
func (h history) withdraw(dir string) {
	before := history{Count: h.Count - 1}
	copy(before.Nonces[:], h.Nonces[1:])
	// If it cannot be written, the copy is found by its numbers all the same.
	_ = before.save(dir)
}

// checkStart refuses a peer that does not know of the start that is on record of it.
func checkStart(record *logv1.Node, peer transport.Hello) error {
	nonces := record.GetStartNonces()
	if record.GetStarts() == 0 || len(nonces) == 0 || peer.Start == 0 ||
		starts.Known(peer.Start, peer.Starts[:], record.GetStarts(), nonces[0]) {
		return nil
	}
	return lost(peer.Name, fmt.Sprintf("node %q was started with an old copy of its data, which does not know of its start %d",
		peer.Name, record.GetStarts()))
}

// registration is the command that puts this node on record. Its start is part of it
// once all nodes know that field; complete says whether it was.
func (c *Cluster) registration() (cmd *logv1.Command, complete bool) {
	node := &logv1.Node{
		Name:        c.id.Name,
		Incarnation: c.id.Incarnation,
		Generation:  c.id.Generation,
		ReplicaId:   c.id.ReplicaID,
		PeerUrl:     c.cfg.AdvertisePeerURL,
		ClientUrls:  c.cfg.ClientURLs,
		Version:     c.cfg.Version,
		Format:      c.format,
		Starts:      c.history.Count,
		StartNonces: c.history.Nonces[:],
	}
	cmd = &logv1.Command{Body: &logv1.Command_RegisterNode{RegisterNode: &logv1.RegisterNode{Node: node}}}
	if c.knownToAll(cmd) == nil {
		return cmd, true
	}
	node.Starts, node.StartNonces = 0, nil
	return cmd, false
}

// registerStart registers again when all nodes know of starts: those of a new cluster
// learn of each other by registering.
func (c *Cluster) registerStart(ctx context.Context) {
	for {
		changed := c.directory.change()
		if cmd, complete := c.registration(); complete {
			result, err := c.Propose(ctx, systemShard, cmd)
			if err == nil && result.GetRefusal() == nil {
				return
			}
			if result.GetRefusal().GetReason() == logv1.Reason_REASON_NODE_REPLACED {
				c.history.withdraw(c.cfg.Dir)
				c.fatal(lost(c.id.Name, result.GetRefusal().GetDetail()))
				return
			}
			if !pause(ctx, nil, joinPause) {
				return
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
