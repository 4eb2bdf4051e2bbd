package rpc

import (
	"errors"
	"sync"

	"github.com/conclavehq/conclave/internal/wire"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

const (
	// keptEncodings is how many messages to watches are remembered, and
	// maxKeptEncoding how large one may be.
	keptEncodings   = 64
	maxKeptEncoding = 64 << 10
)

// encodings remembers the newest messages to watches, so that one that many
// streams send is encoded once. The zero value is ready.
type encodings struct {
	mu    sync.Mutex
	known map[encodingKey]*encoding
	// ring has the keys of known, next the oldest of them.
	ring [keptEncodings]encodingKey
	next int
}

// encodingKey says which changes a message has. Committed changes do not change,
// so a message with the same key has the same.
type encodingKey struct {
	watchKind
	first, told int64 // revisions; all changes from one to the other
	count       int
}

type encoding struct {
	once sync.Once
	data []byte
	err  error
}

// errNotEncoded is what is known of a message whose encoding panicked.
var errNotEncoded = errors.New("rpc: news for watches do not encode")

// encode is the message with whole revisions that goes to watches of a kind.
func (e *encodings) encode(kind watchKind, page []*logv1.KVEvent, told int64) ([]byte, error) {
	size := 0
	for _, event := range page {
		size += eventBytes(event)
	}
	if len(page) == 0 || size > maxKeptEncoding {
		return encodePage(page, told)
	}
	kind.namespace, kind.every = "", 0 // what is told does not depend on them
	found := e.find(encodingKey{watchKind: kind, first: page[0].GetKv().GetModRevision(), told: told, count: len(page)})
	found.once.Do(func() { found.data, found.err = encodePage(page, told) })
	return found.data, found.err
}

// find returns what is known for a key, which is nothing yet for a new one.
func (e *encodings) find(key encodingKey) *encoding {
	e.mu.Lock()
	defer e.mu.Unlock()
	found := e.known[key]
	if found == nil {
		if e.known == nil {
			e.known = make(map[encodingKey]*encoding, keptEncodings)
		}
		found = &encoding{err: errNotEncoded}
		delete(e.known, e.ring[e.next])
		e.ring[e.next], e.known[key] = key, found
		e.next = (e.next + 1) % keptEncodings
	}
	return found
}

func encodePage(page []*logv1.KVEvent, told int64) ([]byte, error) {
	return wire.Append(nil, &conclavev1.WatchResponse{Revision: told, Events: each(page, kvEvent)})
}
