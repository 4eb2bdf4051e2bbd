package rpc

import (
	"context"

	"github.com/conclavehq/conclave/internal/wire"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// tell puts whole revisions into the newsbox, in parts if they are large.
func (c *cohort) tell(ctx context.Context, page []*logv1.KVEvent, told int64) error {
	ids := c.recipients(told)
	if len(ids) == 0 {
		return errDeserted
	}
	if fitting(page) == len(page) { // nothing, or one message
		encoded, err := c.pipe.encodings.encode(c.start.watchKind, page, told)
		if err != nil {
			return err
		}
		return c.send(ctx, ids, encoded)
	}
	return pack(page, told, func(m *conclavev1.WatchResponse) error {
		encoded, err := wire.Append(nil, m)
		if err != nil {
			return err
		}
		return c.send(ctx, ids, encoded)
	})
}

// send puts a message into the newsbox and waits until it is on its way.
func (c *cohort) send(ctx context.Context, ids []uint64, encoded []byte) error {
	news := &conclavev1.WatchNews{WatchIds: ids, Response: encoded, Cost: uint64(len(encoded))}
	c.charge(ids, news.GetCost())
	if !c.pipe.out.put(news, c.taken) {
		return context.Cause(c.pipe.ctx)
	}
	select {
	case <-c.taken:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
