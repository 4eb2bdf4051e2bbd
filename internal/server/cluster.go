package server

import (
	"fmt"
	"net"
	"time"

	"github.com/rs/zerolog"

	"github.com/conclavehq/conclave/cluster"
	"github.com/conclavehq/conclave/internal/config"
	"github.com/conclavehq/conclave/internal/version"
	"github.com/conclavehq/conclave/statemachine"
	"github.com/conclavehq/conclave/statemachine/store"
)

// clusterConfig translates settings for the cluster.
func clusterConfig(opts Options, peers []net.Listener, n *Node) (cluster.Config, error) {
	settings := opts.Settings
	dir, err := settings.Dir()
	if err != nil {
		return cluster.Config{}, err
	}
	members, err := settings.Members()
	if err != nil {
		return cluster.Config{}, err
	}
	cfg := cluster.Config{
		Name:             settings.Name,
		Dir:              dir,
		PeerListeners:    peers,
		AdvertisePeerURL: settings.InitialAdvertisePeerURLs,
		ClientURLs:       advertised(opts, n),
		JoinExisting:     settings.InitialClusterState == "existing",
		ClusterToken:     settings.InitialClusterToken,
		DataShards:       settings.DataShards,
		Version:          version.Version,
		NewMachine:       newMachine(n.cache, recentBytes/(opts.Settings.DataShards+1), opts.Log),
		SnapshotEntries:  settings.SnapshotCount,
		PeerConnections:  peerConnectionLimit(),
		LeastRoom:        settings.LeastRoom(),
		Fatal:            n.fail,
		Log:              opts.Log,
	}
	if overhead := settings.SnapshotCount / 4; overhead > 0 {
		cfg.CompactionOverhead = overhead
	}
	for _, m := range members {
		cfg.InitialCluster = append(cfg.InitialCluster, cluster.Peer{Name: m.Name, URL: m.URL})
	}
	setRaftTime(&cfg, settings)
	return cfg, nil
}

// setRaftTime chooses ticks. A node alone has nobody to wait for: it elects
// itself as soon as it may, and ticks seldom, because each tick wakes up every
// shard.
func setRaftTime(cfg *cluster.Config, settings config.Server) {
	if len(cfg.InitialCluster) == 1 {
		cfg.Tick, cfg.HeartbeatTicks, cfg.ElectionTicks = 100*time.Millisecond, 1, 3
		return
	}
	cfg.HeartbeatTicks = 5
	cfg.Tick = settings.Heartbeat() / time.Duration(cfg.HeartbeatTicks)
	cfg.ElectionTicks = uint64(settings.Election() / cfg.Tick)
}

// advertised returns the client URLs to tell others: the settings', or where
// the node listens when it was given listeners.
func advertised(opts Options, n *Node) []string {
	if opts.ClientListeners != nil {
		return n.urls
	}
	return config.URLs(opts.Settings.AdvertiseClientURLs)
}

// newMachine makes replicas over one shared cache. A failed write or fsync, or
// damaged data, ends the process at once (promise S3): going on, or even a
// graceful stop, would build on what is not there.
func newMachine(cache *store.Cache, recent int, log zerolog.Logger) func(cluster.MachineConfig) cluster.Machine {
	return func(c cluster.MachineConfig) cluster.Machine {
		return statemachine.New(statemachine.Config{
			Shard:     c.Shard,
			Replica:   c.Replica,
			Dir:       c.Dir,
			Existing:  c.Existing,
			SyncEvery: c.SyncEvery,
			Results:   c.Results,
			Log:       c.Log,
			Store: store.Options{
				Cache:       cache,
				RecentBytes: recent,
				Log:         c.Log,
				Fatal: func(reason string) {
					log.Fatal().Uint64("shard", c.Shard).Str("dir", c.Dir).
						Msg(fmt.Sprintf("the state on disk cannot be relied on: %s; the process ends", reason))
				},
			},
		})
	}
}
