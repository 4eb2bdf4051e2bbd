package transport

import (
	"context"
	"sync"
	"time"
)

// pacer spreads bytes over time: everyone who sends takes the next free stretch
// of the line and waits until it begins.
type pacer struct {
	perSecond int64 // zero or less: unlimited

	mu   sync.Mutex
	free time.Time // when the line is free
}

func newPacer(bytesPerSecond int64) *pacer { return &pacer{perSecond: bytesPerSecond} }

// reserve takes the stretch for n bytes and returns how far ahead it begins.
func (p *pacer) reserve(now time.Time, n int) time.Duration {
	if p.perSecond <= 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free.Before(now) {
		p.free = now
	}
	ahead := p.free.Sub(now)
	seconds := float64(n) / float64(p.perSecond)
	p.free = p.free.Add(time.Duration(seconds * float64(time.Second)))
	return ahead
}

// wait blocks until n bytes may be sent or ctx ends.
func (p *pacer) wait(ctx context.Context, n int) error {
	ahead := p.reserve(time.Now(), n)
	if ahead <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(ahead)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
