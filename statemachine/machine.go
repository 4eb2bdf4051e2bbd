package statemachine

import (
	"sync"

	"github.com/conclavehq/conclave/statemachine/feed"
	"github.com/conclavehq/conclave/statemachine/store"
)

// Machine is one replica of one shard.
type Machine struct {
	config   Config
	feed     *feed.Feed
	progress progress
	due      *dueTable

	mu struct {
		sync.RWMutex
		// db is nil before Open and after Close.
		db *store.DB
	}
}

// New makes the machine of a replica. Dragonboat opens it.
func New(config Config) *Machine {
	return &Machine{config: config, feed: feed.New(config.FeedBuffer), due: newDueTable()}
}

// Subscribe begins a subscription to committed events.
func (m *Machine) Subscribe(filter feed.Filter) *feed.Subscription {
	return m.feed.Subscribe(filter)
}
