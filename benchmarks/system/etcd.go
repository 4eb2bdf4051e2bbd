package system

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/version"
	clientv3 "go.etcd.io/etcd/client/v3"
	recipe "go.etcd.io/etcd/client/v3/experimental/recipes"
	"go.uber.org/zap"
)

// Etcd is etcd with its client/v3 and that client's recipes.
type Etcd struct{}

var _ System = Etcd{}

// Name is "etcd".
func (Etcd) Name() string { return "etcd" }

// Version is what this module pins.
func (Etcd) Version() string { return version.Version }

// Arguments are etcd's defaults, but for room for ten million keys and silence.
func (Etcd) Arguments(self Node, all []Node) []string {
	return append(sharedArguments(self, all),
		"--initial-advertise-peer-urls="+self.PeerURL,
		"--quota-backend-bytes=17179869184",
		"--logger=zap", "--log-outputs=stderr")
}

// Profiles are served beside the API. The flag also makes etcd sample one in five
// waits for a lock.
func (Etcd) Profiles(self Node) (arguments []string, url string) {
	return []string{"--enable-pprof"}, self.ClientURL
}

// Ready reads linearizably.
func (e Etcd) Ready(ctx context.Context, endpoint string) error {
	c, err := e.Dial(ctx, []string{endpoint})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Get(ctx, "ready")
	if errors.Is(err, errNoKey) {
		return nil
	}
	return err
}

// Dial makes a client with its default settings.
func (Etcd) Dial(_ context.Context, endpoints []string) (Client, error) {
	c, err := clientv3.New(clientv3.Config{
		Endpoints:   endpoints,
		DialTimeout: 5 * time.Second,
		Logger:      zap.NewNop(),
	})
	if err != nil {
		return nil, err
	}
	return etcdClient{c}, nil
}

var (
	errNoKey    = errors.New("the key does not exist")
	errConflict = errors.New("somebody else wrote the key")
)

type etcdClient struct{ c *clientv3.Client }

func (e etcdClient) Put(ctx context.Context, key, value string) (int64, error) {
	res, err := e.c.Put(ctx, key, value)
	if err != nil {
		return 0, err
	}
	return res.Header.Revision, nil
}

func (e etcdClient) PutMany(ctx context.Context, keys, values []string) error {
	ops := make([]clientv3.Op, len(keys))
	for i, key := range keys {
		ops[i] = clientv3.OpPut(key, values[i])
	}
	_, err := e.c.Txn(ctx).Then(ops...).Commit()
	return err
}

func (e etcdClient) Get(ctx context.Context, key string) (string, error) {
	res, err := e.c.Get(ctx, key)
	if err != nil {
		return "", err
	}
	if len(res.Kvs) == 0 {
		return "", errNoKey
	}
	return string(res.Kvs[0].Value), nil
}

func (e etcdClient) Swap(ctx context.Context, key, other, value string, revision int64) (int64, error) {
	res, err := e.c.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
		Then(clientv3.OpPut(key, value), clientv3.OpPut(other, value)).
		Commit()
	if err != nil {
		return 0, err
	}
	if !res.Succeeded {
		return 0, errConflict
	}
	return res.Header.Revision, nil
}

func (e etcdClient) Watch(ctx context.Context, prefix string, from int64, put func(string)) error {
	for res := range e.c.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(from)) {
		if err := res.Err(); err != nil && ctx.Err() == nil {
			return err
		}
		for _, event := range res.Events {
			put(string(event.Kv.Value))
		}
	}
	if ctx.Err() == nil {
		return errors.New("the watch ended")
	}
	return nil
}

func (e etcdClient) CycleLease(ctx context.Context, key, value string) error {
	lease, err := e.c.Grant(ctx, 10)
	if err != nil {
		return err
	}
	if _, err := e.c.Put(ctx, key, value, clientv3.WithLease(lease.ID)); err != nil {
		return err
	}
	_, err = e.c.Revoke(ctx, lease.ID)
	return err
}

func (e etcdClient) Enqueue(_ context.Context, queue, body string) error {
	return recipe.NewQueue(e.c, queue).Enqueue(body)
}

func (e etcdClient) Close() error {
	if err := e.c.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// sharedArguments are the settings that both systems have under the same name.
// Both make every acknowledged write durable; neither is told otherwise.
func sharedArguments(self Node, all []Node) []string {
	members := make([]string, len(all))
	for i, n := range all {
		members[i] = n.Name + "=" + n.PeerURL
	}
	return []string{
		"--name=" + self.Name,
		"--data-dir=" + self.Dir,
		"--listen-client-urls=" + self.ClientURL,
		"--advertise-client-urls=" + self.ClientURL,
		"--listen-peer-urls=" + self.PeerURL,
		"--initial-cluster=" + strings.Join(members, ","),
		fmt.Sprintf("--heartbeat-interval=%d", 100),
		fmt.Sprintf("--election-timeout=%d", 1000),
		fmt.Sprintf("--snapshot-count=%d", 10_000),
		"--log-level=error",
	}
}
