package workload

import (
	"context"
	"fmt"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
	"github.com/conclavehq/conclave/test/faults/history"
)

// freeing is how long a mutex may be held by nobody who is there any more, when all is
// well: longer than any TTL of the clients.
const freeing = 20 * time.Second

// free returns what there is to do about some mutexes in the end: everybody has gone,
// so whoever comes next has to get each of them. A mutex that was given to somebody
// who cannot give it back is lost for ever, which no record of a client tells.
func (g *mutexRig) free(l *Load, w history.Workload) finish {
	return func(ctx context.Context) error {
		c, err := l.dial(w, history.SDK, everyNode, "default", l.rng(w, -1))
		if err != nil {
			return err
		}
		session, err := c.sdk.NewSession(ctx, conclave.WithTTL(30*time.Second))
		if err != nil {
			return fmt.Errorf("workload: nobody looks after the mutexes: %w", err)
		}
		defer func() { _ = session.Close(ctx) }()
		for _, name := range g.names {
			within, cancel := context.WithTimeout(ctx, freeing)
			hold, err := session.Mutex(name).Lock(within)
			cancel()
			if err != nil {
				now := l.cfg.History.Now()
				l.cfg.History.Add(history.Record{Workload: w, Kind: history.Complaint, Key: name, Call: now, Return: now,
					Reason: fmt.Sprintf("mutex %q cannot be had %v after everybody left it: %v", name, freeing, err)})
				continue
			}
			if err = hold.Unlock(ctx); err != nil {
				return fmt.Errorf("workload: %s: %w", name, err)
			}
		}
		return nil
	}
}
