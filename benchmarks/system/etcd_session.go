package system

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	recipe "go.etcd.io/etcd/client/v3/experimental/recipes"
)

type etcdSession struct {
	c *clientv3.Client
	s *concurrency.Session
}

func (e etcdClient) Session(_ context.Context, ttl time.Duration) (Session, error) {
	s, err := concurrency.NewSession(e.c, concurrency.WithTTL(int(ttl.Seconds())))
	if err != nil {
		return nil, err
	}
	return etcdSession{e.c, s}, nil
}

func (e etcdSession) Lock(ctx context.Context, name string) (Release, error) {
	m := concurrency.NewMutex(e.s, "lock/"+name)
	if err := m.Lock(ctx); err != nil {
		return nil, err
	}
	return m.Unlock, nil
}

func (e etcdSession) Campaign(ctx context.Context, name string) (Release, error) {
	election := concurrency.NewElection(e.s, "election/"+name)
	if err := election.Campaign(ctx, "candidate"); err != nil {
		return nil, err
	}
	return election.Resign, nil
}

// Work takes jobs with the recipe queue, which deletes a job when it hands it
// out: a worker that dies loses it. There is nothing to acknowledge.
func (e etcdSession) Work(_ context.Context, queue string, done func(string) bool) error {
	q := recipe.NewQueue(e.c, queue)
	for {
		body, err := q.Dequeue()
		if err != nil {
			return err
		}
		if !done(body) {
			return nil
		}
	}
}

func (e etcdSession) Lost() <-chan struct{} { return e.s.Done() }

func (e etcdSession) Close(context.Context) error { return e.s.Close() }
