package recipes

import (
	"encoding/binary"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// Results are kept 64 to a record, so that a batch with hundreds of requests of
// one client changes few records. A result above dedupeLargeBytes has a record
// of its own, and a record in which more than dedupeStaleBytes may be stale is
// made anew.
const (
	dedupeGroup      = 64
	dedupeLargeBytes = 512
	dedupeStaleBytes = 256
	dedupeTidyBytes  = 64 << 10
)

// dedupeClient is what is kept about one client, while one of its commands is
// applied.
type dedupeClient struct {
	storagev1.DedupeClientRecord
	tx    Tx
	name  string
	key   []byte
	known bool
	// group is the record that has the result of the command, or will have it.
	group struct{ key, record []byte }
}

func openDedupeClient(tx Tx, name string) *dedupeClient {
	c := &dedupeClient{tx: tx, name: name, key: keys.Name(keys.Prefix(tx.Namespace(), keys.DedupeClient), name)}
	c.known = load(tx, c.key, &c.DedupeClientRecord)
	return c
}

// save notes that the client was seen now. Its timer is armed once, and looks
// again when it fires; it is not moved with every request.
func (c *dedupeClient) save() {
	if !c.known {
		setTimer(c.tx, c.tx.Clock()+dedupeIdle, timerDedupeClient, nameColumn(c.name))
	}
	c.SeenMs = int64(c.tx.Clock())
	save(c.tx, c.key, &c.DedupeClientRecord)
}

// groupKey is the key of the record that has a sequence's result.
func (c *dedupeClient) groupKey(sequence uint64) []byte {
	return keys.U64(keys.Name(keys.Prefix(c.tx.Namespace(), keys.DedupeResults), c.name), sequence&^(dedupeGroup-1))
}

func (c *dedupeClient) largeKey(sequence uint64) []byte {
	return keys.U64(keys.Name(keys.Prefix(c.tx.Namespace(), keys.DedupeLarge), c.name), sequence)
}

// find returns the encoded result of a sequence, nil if there is none. Nearly
// every request is a new one, so this is mostly a search in vain.
func (c *dedupeClient) find(sequence uint64) []byte {
	c.group.key = c.groupKey(sequence)
	c.group.record = c.tx.Get(c.group.key)
	kept, found := keptIn(c.group.record, sequence%dedupeGroup)
	if found && kept.large {
		return c.tx.Get(c.largeKey(sequence))
	}
	return kept.result
}

// keep adds the result of a sequence that find has not found.
func (c *dedupeClient) keep(sequence uint64, result *logv1.Result) {
	record := c.group.record
	if len(record) > dedupeStaleBytes {
		record = c.tidy(c.group.key, record)
	}
	size := result.SizeVT()
	c.Stored++
	c.StoredBytes += uint64(size)
	if size > dedupeLargeBytes {
		c.tx.Set(c.largeKey(sequence), encodeKept(make([]byte, 0, size), size, result))
		record = appendKept(record, sequence, 0, true)
	} else {
		record = encodeKept(appendKept(record, sequence, size, false), size, result)
	}
	c.tx.Set(c.group.key, record)
}

// forget drops the results below a sequence, but for those that share a record
// with others.
func (c *dedupeClient) forget(below uint64) {
	if below <= c.DoneBelow {
		return
	}
	passed := below/dedupeGroup != c.DoneBelow/dedupeGroup
	c.DoneBelow = below
	if passed {
		c.dropBefore(c.groupKey(below))
	}
	if c.StoredBytes <= dedupeTidyBytes {
		return
	}
	key := c.groupKey(below)
	if record := c.tx.Get(key); record != nil {
		c.tx.Set(key, c.tidy(key, record))
	}
}

// drop forgets the client.
func (c *dedupeClient) drop() {
	c.dropBefore(keys.After(keys.Name(keys.Prefix(c.tx.Namespace(), keys.DedupeResults), c.name)))
	c.tx.Delete(c.key)
}

// dropBefore drops the client's records with keys below end.
func (c *dedupeClient) dropBefore(end []byte) {
	var gone [][]byte
	c.tx.Scan(c.groupKey(0), end, func(key, record []byte) bool {
		gone = append(gone, key)
		for len(record) > 0 {
			var kept keptResult
			kept, record = nextKept(record)
			c.dropped(key, kept)
		}
		return true
	})
	for _, key := range gone {
		c.tx.Delete(key)
	}
}

// tidy returns a record without what is stale in it.
func (c *dedupeClient) tidy(key, record []byte) []byte {
	first := firstSequence(key)
	if first >= c.DoneBelow {
		return record
	}
	tidied := make([]byte, 0, len(record))
	for rest := record; len(rest) > 0; {
		from := rest
		var kept keptResult
		kept, rest = nextKept(rest)
		if first+kept.slot < c.DoneBelow {
			c.dropped(key, kept)
			continue
		}
		tidied = append(tidied, from[:len(from)-len(rest)]...)
	}
	return tidied
}

// dropped counts a result out.
func (c *dedupeClient) dropped(key []byte, kept keptResult) {
	size := len(kept.result)
	if kept.large {
		large := c.largeKey(firstSequence(key) + kept.slot)
		size = len(c.tx.Get(large))
		c.tx.Delete(large)
	}
	c.Stored--
	c.StoredBytes -= uint64(size)
}

// firstSequence is the last column of a group's key.
func firstSequence(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }
