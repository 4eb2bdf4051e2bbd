package workload

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/conclavehq/conclave/test/faults/history"
)

// The keys of registers: a few that all clients fight for, and many that are
// written for a while and then deleted as a whole.
const (
	hotGroups       = 6
	coldGroups      = 100 // per generation
	groupSize       = 8
	generationSteps = 30000
)

// registerKeys are the keys in use, and what was seen of them last.
type registerKeys struct {
	steps atomic.Int64

	mu   sync.Mutex            // protects seen
	seen map[string]history.KV // for comparisons; bounded by forgetting all
}

// registers puts, reads, deletes, compares and swaps.
func registers(l *Load) finish {
	k := l.keys
	l.spawn(history.Registers, mix{clients: 48, etcd: 4, rate: 3200}, k.step)
	return func(ctx context.Context) error { return l.lastReads(ctx, history.Registers, k.prefixes()) }
}

// generation is which of the rotating keys are written now.
func (k *registerKeys) generation() int64 { return k.steps.Load() / generationSteps }

// group is a prefix that groupSize keys have.
func (k *registerKeys) group(c *client) string {
	if c.rand.IntN(2) == 0 {
		return fmt.Sprintf("r/hot/%d/", c.rand.IntN(hotGroups))
	}
	return fmt.Sprintf("r/%06d/%d/", k.generation(), c.rand.IntN(coldGroups))
}

func (k *registerKeys) key(c *client) string {
	return fmt.Sprintf("%s%d", k.group(c), c.rand.IntN(groupSize))
}

// prefixes are those of all keys that may be there at the end.
func (k *registerKeys) prefixes() []string {
	var all []string
	for i := range hotGroups {
		all = append(all, fmt.Sprintf("r/hot/%d/", i))
	}
	for g := max(k.generation()-2, 0); g <= k.generation(); g++ {
		for i := range coldGroups {
			all = append(all, fmt.Sprintf("r/%06d/%d/", g, i))
		}
	}
	return all
}

// step makes one call.
func (k *registerKeys) step(c *client) {
	if n := k.steps.Add(1); n%generationSteps == 0 && n >= 3*generationSteps {
		// The writes that were under way when the keys were in use have ended since.
		old := fmt.Sprintf("r/%06d/", n/generationSteps-3)
		c.do(&history.Record{Then: []history.Op{getPrefix(old), removePrefix(old)}})
		return
	}
	r := history.Record{}
	switch dice := c.rand.IntN(100); {
	case dice < 32:
		r.Then = []history.Op{get(k.key(c))}
	case dice < 40:
		r.Then = []history.Op{getPrefix(k.group(c))}
	case dice < 52:
		r.Then = []history.Op{k.reading(c)}
		k.locally(c, &r)
	case dice < 58:
		r.Then, r.At = []history.Op{k.reading(c)}, max(c.load.head.Load()-c.rand.Int64N(300), 1)
	case dice < 74:
		r.Then = []history.Op{put(k.key(c), c.load.value())}
	case dice < 78:
		r.Then = []history.Op{k.removal(c)}
	case dice < 88:
		k.swap(c, &r)
	default:
		k.several(c, &r)
	}
	if c.do(&r) {
		k.remember(&r)
	}
}

func (k *registerKeys) reading(c *client) history.Op {
	if c.rand.IntN(4) == 0 {
		return getPrefix(k.group(c))
	}
	return get(k.key(c))
}

func (k *registerKeys) removal(c *client) history.Op {
	if c.rand.IntN(8) == 0 {
		return removePrefix(k.group(c))
	}
	return remove(k.key(c))
}

// locally makes a read serializable. etcd's client cannot say what it has seen.
func (k *registerKeys) locally(c *client, r *history.Record) {
	r.Serializable = true
	if c.via == history.SDK && c.rand.IntN(2) == 0 {
		r.Since = c.load.head.Load()
	}
}

// swap is a compare-and-swap of one key, in half of the cases with the current
// value for who lost.
func (k *registerKeys) swap(c *client, r *history.Record) {
	key := k.key(c)
	r.If = []history.Op{k.condition(c, key)}
	r.Then = []history.Op{put(key, c.load.value())}
	if c.rand.IntN(2) == 0 {
		r.Else = []history.Op{get(key)}
	}
}

// condition holds if the key is as it was seen last.
func (k *registerKeys) condition(c *client, key string) history.Op {
	k.mu.Lock()
	kv, known := k.seen[key]
	k.mu.Unlock()
	switch dice := c.rand.IntN(3); {
	case known && kv.Version > 0 && dice == 0:
		return ifValue(key, kv.Value)
	case dice == 1:
		return ifVersion(key, kv.Version)
	}
	return ifModRevision(key, kv.Modified)
}

// several is a transaction over two to four keys. No key is written twice.
func (k *registerKeys) several(c *client, r *history.Record) {
	keys := make(map[string]bool)
	for n := 2 + c.rand.IntN(3); len(keys) < n; {
		key := k.key(c)
		if keys[key] {
			continue
		}
		keys[key] = true
		if c.rand.IntN(3) == 0 {
			r.If = append(r.If, k.condition(c, key))
		}
		r.Then = append(r.Then, k.operation(c, key))
		r.Else = append(r.Else, k.operation(c, key))
	}
	if c.rand.IntN(4) == 0 {
		r.Then = append([]history.Op{getPrefix(k.group(c))}, r.Then...)
	}
	if len(r.If) == 0 {
		r.Else = nil
	}
}

func (k *registerKeys) operation(c *client, key string) history.Op {
	switch c.rand.IntN(5) {
	case 0, 1:
		return get(key)
	case 2:
		return remove(key)
	}
	return put(key, c.load.value())
}

// remember notes what a transaction read.
func (k *registerKeys) remember(r *history.Record) {
	if r.At > 0 {
		return
	}
	done := r.Then
	if !r.Succeeded {
		done = r.Else
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.seen) > 4096 {
		clear(k.seen)
	}
	for _, op := range done {
		for _, kv := range op.Found {
			k.seen[kv.Key] = kv
		}
		if op.Type == history.Get && op.End == "" && len(op.Found) == 0 || op.Type == history.Delete {
			delete(k.seen, op.Key)
		}
	}
}
