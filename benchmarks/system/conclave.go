package system

import (
	"context"
	"errors"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// Conclave is this repository's server with its SDK.
type Conclave struct{}

var _ System = Conclave{}

// Name is "conclave".
func (Conclave) Name() string { return "conclave" }

// Arguments are the settings that etcd gets, too; the rest is default.
func (Conclave) Arguments(self Node, all []Node) []string {
	return append([]string{"server"}, sharedArguments(self, all)...)
}

// Profiles has a port of its own.
func (Conclave) Profiles(self Node) (arguments []string, url string) {
	return []string{"--listen-debug-url=" + self.DebugURL}, self.DebugURL
}

// Ready reads linearizably.
func (s Conclave) Ready(ctx context.Context, endpoint string) error {
	c, err := s.Dial(ctx, []string{endpoint})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Get(ctx, "ready")
	if errors.Is(err, conclave.ErrKeyNotFound) {
		return nil
	}
	return err
}

// Dial makes a client with its default settings.
func (Conclave) Dial(ctx context.Context, endpoints []string) (Client, error) {
	c, err := conclave.Dial(ctx, endpoints)
	if err != nil {
		return nil, err
	}
	return conclaveClient{c}, nil
}

type conclaveClient struct{ c *conclave.Client }

func (s conclaveClient) Put(ctx context.Context, key, value string) (int64, error) {
	revision, err := s.c.Put(ctx, key, value)
	return int64(revision), err
}

func (s conclaveClient) PutMany(ctx context.Context, keys, values []string) error {
	ops := make([]conclave.Op, len(keys))
	for i, key := range keys {
		ops[i] = conclave.OpPut(key, values[i])
	}
	_, err := s.c.Txn().Then(ops...).Commit(ctx)
	return err
}

func (s conclaveClient) Get(ctx context.Context, key string) (string, error) {
	kv, err := s.c.Get(ctx, key)
	return string(kv.Value), err
}

func (s conclaveClient) Swap(ctx context.Context, key, other, value string, revision int64) (int64, error) {
	res, err := s.c.Txn().
		If(conclave.ModRevision(key).Equal(conclave.Revision(revision))).
		Then(conclave.OpPut(key, value), conclave.OpPut(other, value)).
		Commit(ctx)
	if err != nil {
		return 0, err
	}
	if !res.Succeeded {
		return 0, errConflict
	}
	return int64(res.Revision), nil
}

func (s conclaveClient) Watch(ctx context.Context, prefix string, from int64, put func(string)) error {
	for event, err := range s.c.Watch(ctx, prefix, conclave.WithPrefix(), conclave.FromRevision(conclave.Revision(from))) {
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if event.Type == conclave.EventPut {
			put(string(event.KV.Value))
		}
	}
	return nil
}

func (s conclaveClient) CycleLease(ctx context.Context, key, value string) error {
	lease, err := s.c.GrantLease(ctx, conclave.WithTTL(10*time.Second))
	if err != nil {
		return err
	}
	if _, err := s.c.Put(ctx, key, value, conclave.WithLease(lease)); err != nil {
		return err
	}
	_, err = s.c.RevokeLease(ctx, lease, "benchmark")
	return err
}

func (s conclaveClient) Enqueue(ctx context.Context, queue, body string) error {
	_, err := s.c.Queue(queue).Enqueue(ctx, []byte(body))
	return err
}

func (s conclaveClient) Close() error { return s.c.Close() }
