package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync"

	"github.com/conclavehq/conclave/cluster/transport"
)

// livesFile is in the data directory. It is made like the identity file: a first line
// "conclave-lives 1 CRC", and JSON.
const livesFile = "lives"

const livesVersion = 1

// peerLife is the latest start of another node that this one has seen.
type peerLife struct {
	Incarnation uint64 `json:"incarnation"`
	Count       uint64 `json:"count"`
	Nonce       uint64 `json:"nonce"`
}

// lives finds out that a node came back with an old copy of its data directory. Such
// a node has forgotten what it acknowledged and voted for since, and is as dangerous
// as one whose disk was lost (promise S2), but its identity is the right one. What it
// cannot know is how often it has been started meanwhile, and each of its peers
// remembers that: the count of its starts, and the random number that each start has.
// Who was really there knows the number of the start that the peer remembers.
//
// It does not find a copy that was taken in the very life before, as when the image
// of a disk is brought back before the node was started again: nobody but the node
// itself knew how much it had written by then.
type lives struct {
	dir    string
	count  uint64          // of starts, with this one
	nonces transport.Lives // of the latest ones

	mu    sync.Mutex
	peers map[string]peerLife
}

// storedLives is the file.
type storedLives struct {
	Count  uint64              `json:"count"`
	Nonces []uint64            `json:"nonces"`
	Peers  map[string]peerLife `json:"peers"`
}

// beginLife reads what is known in a directory, and begins the next life. It is on
// the disk before anybody is told of it.
func beginLife(dir string) (*lives, error) {
	var stored storedLives
	err := loadSealed(filepath.Join(dir, livesFile), "conclave-lives", livesVersion, &stored)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a new directory has none, nor one of an older version
		return nil, fmt.Errorf("cannot read what is known of earlier starts: %w", err)
	}
	l := &lives{dir: dir, count: stored.Count + 1, peers: stored.Peers}
	if l.peers == nil {
		l.peers = map[string]peerLife{}
	}
	l.nonces[0] = max(1, rand.Uint64())
	copy(l.nonces[1:], stored.Nonces)
	return l, l.save()
}

// withdraw ends a life that a peer refused, as if it had not been. Otherwise an old
// copy that is started again and again would count up to where it passes.
func (l *lives) withdraw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := storedLives{Count: l.count - 1, Nonces: l.nonces[1:], Peers: l.peers}
	// If it cannot be written, the copy has as many starts more as its nonces tell.
	_ = saveSealed(filepath.Join(l.dir, livesFile), "conclave-lives", livesVersion, before)
}

// judge compares the life of a peer, which is otherwise who it says, with the latest
// one that is known of it.
func (l *lives) judge(peer transport.Hello) error {
	if peer.Life == 0 {
		return nil // of a version that does not count them
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.peers[peer.Name]
	now := peerLife{Incarnation: peer.Incarnation, Count: peer.Life, Nonce: peer.Lives[0]}
	switch {
	case now == known:
		return nil
	case ok && known.Incarnation == peer.Incarnation && !remembers(peer, known):
		return lost(peer.Name, fmt.Sprintf("node %q was started with an old copy of its data, which does not know of its start %d",
			peer.Name, known.Count))
	}
	l.peers[peer.Name] = now
	if err := l.save(); err != nil {
		// Nothing that was promised depends on it: the peer may come again.
		l.peers[peer.Name] = known
		return fmt.Errorf("%w: its start cannot be noted: %v", transport.ErrNotYet, err)
	}
	return nil
}

// remembers tells whether a peer knows of a start that is known of it. What is longer
// ago than its list it is believed.
func remembers(peer transport.Hello, known peerLife) bool {
	if peer.Life <= known.Count {
		return false
	}
	ago := peer.Life - known.Count
	return ago >= uint64(len(peer.Lives)) || peer.Lives[ago] == known.Nonce
}

func (l *lives) save() error {
	return saveSealed(filepath.Join(l.dir, livesFile), "conclave-lives", livesVersion,
		storedLives{Count: l.count, Nonces: l.nonces[:], Peers: l.peers})
}
