package etcdv2

import (
	"context"
	"hash/maphash"
)

// lines let the in-order files of a directory be made one after the other: at the
// same time they would ask for the same number, and all but one ask again. Nodes
// do not wait for each other.
type lines struct {
	seed  maphash.Seed
	doors [64]chan struct{}
}

func newLines() lines {
	l := lines{seed: maphash.MakeSeed()}
	for i := range l.doors {
		l.doors[i] = make(chan struct{}, 1)
	}
	return l
}

// enter waits for the others at a directory. The caller must call leave.
func (l *lines) enter(ctx context.Context, dir string) (leave func(), err error) {
	door := l.doors[maphash.String(l.seed, dir)%uint64(len(l.doors))]
	select {
	case door <- struct{}{}:
		return func() { <-door }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
