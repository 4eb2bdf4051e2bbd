package cluster

import (
	"runtime"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// abandon gives up on learning what became of the proposed batches.
func (b *batcher) abandon() {
	b.decideWhere(ErrOutcomeUnknown, func(*batch) bool { return true })
}

// claimed is called, in log order, when a claim of an epoch was applied: what
// was proposed under an earlier one and has not been applied will be refused.
// That is promise T2 seen from the side of the deposed leader, and it turns
// "unknown" into "try again".
func (b *batcher) claimed(epoch uint64) {
	b.decideWhere(errNotApplied, func(batch *batch) bool { return batch.epoch < epoch })
}

// refuse decides a batch that Raft did not take.
func (b *batcher) refuse(batch *batch) {
	b.mu.Lock()
	_, undecided := b.mu.undecided[batch.id]
	delete(b.mu.undecided, batch.id)
	b.landedLocked(batch)
	b.mu.Unlock()
	if undecided {
		batch.decide(nil, errNotApplied)
	}
}

func (b *batcher) decideWhere(err error, match func(*batch) bool) {
	b.mu.Lock()
	var decided []*batch
	for id, batch := range b.mu.undecided {
		if match(batch) {
			decided = append(decided, batch)
			delete(b.mu.undecided, id)
			b.landedLocked(batch)
		}
	}
	b.mu.Unlock()
	for _, batch := range decided {
		batch.decide(nil, err)
	}
	b.signal()
}

// applied is called, in log order, with the results of every batch of the
// shard, this node's or not. The next entry is on its way to the disk before
// the callers of this one wake up.
func (b *batcher) applied(id uint64, results []*logv1.Result) {
	for _, result := range results {
		if claim := result.GetClaimEpoch(); claim != nil && result.GetRefusal() == nil {
			defer b.claimed(claim.GetEpoch())
		}
	}
	b.mu.Lock()
	batch := b.mu.undecided[id]
	if batch != nil {
		delete(b.mu.undecided, id)
		b.landedLocked(batch)
	}
	b.mu.Unlock()
	if batch != nil {
		b.pump()
		batch.decide(results, nil)
		if len(results) == 1 && b.idle() {
			// One caller alone: it goes on before Raft's workers look for more to do.
			runtime.Gosched()
		}
	}
}

// idle says that nothing is proposed or waits to be.
func (b *batcher) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mu.flights) == 0 && len(b.mu.queue) == 0 && !b.mu.proposing
}
