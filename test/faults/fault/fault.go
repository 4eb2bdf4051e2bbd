package fault

import (
	"context"
	"time"

	"github.com/conclavehq/conclave/test/faults/rig"
)

// Fault is one kind of harm.
type Fault struct {
	// ID is F01 to F28, Name a word or two for people and for specs.
	ID, Name string
	// What says in one sentence what happens and what must hold.
	What string
	// Family is process, network, disk, clock, load or mixed.
	Family string
	// Disks: each node needs a disk of its own.
	Disks bool
	// DiskBytes is how large; 0 = 1 GiB.
	DiskBytes int64
	// Needs is what the machine has to be capable of beside networks and disks.
	Needs []rig.Capability
	// Flags are added to those of every node.
	Flags []string
	// MayEnd: the process of who is harmed may end by itself, with a sentence.
	MayEnd bool
	// Every is the time from the end of an injection to the next one, Hold how long
	// each lasts; the schedule draws both from half to one and a half of it.
	Every, Hold time.Duration
	// Inject does one injection; see the package comment.
	Inject func(ctx context.Context, s *Scene) error
}

// All is the catalogue, in order.
var All = []Fault{
	{ID: "F01", Name: "kill-one", Family: "process", Every: 1500 * time.Millisecond, Hold: 700 * time.Millisecond, Inject: killOne,
		What: "kill -9 of the leader, now and then of a follower"},
	{ID: "F02", Name: "kill-all", Family: "process", Every: 3 * time.Second, Hold: 200 * time.Millisecond, Inject: killAll,
		What: "kill -9 of all nodes within a few milliseconds"},
	{ID: "F03", Name: "pause-leader", Family: "process", Every: 1500 * time.Millisecond, Hold: 2500 * time.Millisecond, Inject: pauseLeader,
		What: "SIGSTOP of the leader, for less and for more than a TTL"},
	{ID: "F04", Name: "pause-many", Family: "process", Every: 2 * time.Second, Hold: 2 * time.Second, Inject: pauseMany,
		What: "SIGSTOP of a majority or of all nodes"},
	{ID: "F05", Name: "rolling", Family: "process", Every: time.Second, Hold: 400 * time.Millisecond, Inject: rolling,
		What: "the leadership is handed around in a storm, nodes are restarted politely one after the other"},
	{ID: "F06", Name: "isolate-one", Family: "network", Every: 1500 * time.Millisecond, Hold: 2500 * time.Millisecond, Inject: isolateOne,
		What: "one node, mostly the leader, is cut off from the others, with or without its clients"},
	{ID: "F07", Name: "split", Family: "network", Every: 1500 * time.Millisecond, Hold: 2500 * time.Millisecond, Inject: split,
		What: "the nodes are split in two halves, the clients in one of them"},
	{ID: "F08", Name: "bridge", Family: "network", Every: 1500 * time.Millisecond, Hold: 2500 * time.Millisecond, Inject: bridge,
		What: "two nodes see each other only through a third, or everybody only its neighbours in a ring"},
	{ID: "F09", Name: "one-way", Family: "network", Every: 1500 * time.Millisecond, Hold: 2500 * time.Millisecond, Inject: oneWay,
		What: "packets between nodes arrive in one direction only"},
	{ID: "F10", Name: "clients-cut", Family: "network", Every: time.Second, Hold: 1500 * time.Millisecond, Inject: clientsCut,
		What: "clients lose one or all nodes while the nodes see each other, or the nodes each other while clients see all"},
	{ID: "F11", Name: "slow-network", Family: "network", Every: time.Second, Hold: 3 * time.Second, Inject: slowNetwork,
		What: "delay, jitter and a narrow line between some or all"},
	{ID: "F12", Name: "lossy-network", Family: "network", Every: time.Second, Hold: 2 * time.Second, Inject: lossyNetwork,
		What: "packets are lost, doubled and reordered, connections are reset or left half open"},
	{ID: "F13", Name: "wall-clock", Family: "clock", Every: 700 * time.Millisecond, Hold: 700 * time.Millisecond, Inject: wallClock,
		What: "the wall clock of one node or of all jumps by seconds to days, forth and back"},
	{ID: "F14", Name: "power-one", Family: "disk", Disks: true, Every: 1500 * time.Millisecond, Hold: 400 * time.Millisecond, Inject: powerOne,
		What: "one node loses power: what it did not sync is gone"},
	{ID: "F15", Name: "power-all", Family: "disk", Disks: true, Every: 3 * time.Second, Hold: 100 * time.Millisecond, Inject: powerAll,
		What: "all nodes lose power at once"},
	{ID: "F16", Name: "disk-errors", Family: "disk", MayEnd: true, Disks: true, Every: 2 * time.Second, Hold: 1500 * time.Millisecond, Inject: diskErrors,
		Needs: []rig.Capability{rig.Tracing},
		What:  "writes or fsyncs of one node's disk fail: its process stops, the others go on"},
	{ID: "F17", Name: "disk-full", Family: "disk", MayEnd: true, Disks: true, Every: 2 * time.Second, Hold: 2 * time.Second, Inject: diskFull,
		What: "a disk, or all, run full and get room again"},
	{ID: "F18", Name: "slow-disk", Family: "disk", Disks: true, Every: time.Second, Hold: 3 * time.Second, Inject: slowDisk,
		What: "the disk of the leader or of a follower does few writes a second"},
	{ID: "F19", Name: "damage", Family: "disk", MayEnd: true, Every: 2 * time.Second, Hold: 300 * time.Millisecond, Inject: damageFiles,
		What: "a bit is flipped, a block zeroed or a tail cut in a log, table, manifest or snapshot of one node"},
	{ID: "F20", Name: "lost-data", Family: "disk", MayEnd: true, Every: 2 * time.Second, Hold: 1500 * time.Millisecond, Inject: lostData,
		What: "the data directory of one node is wiped, or an old copy of it comes back: it must refuse to take part"},
	{ID: "F21", Name: "replace", Family: "process", Every: 2 * time.Second, Hold: time.Second, Inject: replaceNode,
		What: "a node loses its disk and is replaced by the documented procedure under load"},
	{ID: "F22", Name: "snapshots", Family: "mixed", Every: time.Second, Hold: 2500 * time.Millisecond, Inject: snapshotStorm,
		Flags: []string{"--snapshot-count", "100"},
		What:  "logs are compacted every hundred entries, and a node that was away needs snapshots, which are interrupted"},
	{ID: "F23", Name: "memory", Family: "load", MayEnd: true, Every: 2 * time.Second, Hold: 1500 * time.Millisecond, Inject: memoryLimit,
		Needs: []rig.Capability{rig.Limits},
		What:  "one node gets too little memory and is killed by the kernel, or crawls"},
	{ID: "F24", Name: "files", Family: "load", MayEnd: true, Every: 1500 * time.Millisecond, Hold: 1500 * time.Millisecond, Inject: fileLimit,
		What: "one node may open no more files: it must not die of it"},
	{ID: "F25", Name: "backup", Family: "mixed", Every: 2 * time.Second, Hold: 200 * time.Millisecond, Inject: backup,
		What: "a snapshot is saved under load and restored into a namespace, which must be the state of one revision"},
	{ID: "F26", Name: "upgrade", Family: "mixed", Every: time.Second, Hold: 400 * time.Millisecond, Inject: upgrade,
		What: "nodes change one by one between this program and the one before it, forth and back"},
	{ID: "F27", Name: "overload", Family: "load", Every: 1500 * time.Millisecond, Hold: 2500 * time.Millisecond, Inject: overload,
		Needs: []rig.Capability{rig.Limits},
		What:  "a node gets a tenth of a processor, far more calls come than the cluster can do, or a watch is not read while much is written"},
	{ID: "F28", Name: "soup", Family: "mixed", Disks: true, Every: 500 * time.Millisecond, Hold: 1500 * time.Millisecond, Inject: soup,
		What: "two or three of the others at a time"},
}

// Find returns the fault with an id.
func Find(id string) (Fault, bool) {
	for _, f := range All {
		if f.ID == id {
			return f, true
		}
	}
	return Fault{}, false
}

// Named returns the faults with an id, a name or of a family; "all" are all.
func Named(name string) []Fault {
	var found []Fault
	for _, f := range All {
		if name == "all" || f.ID == name || f.Name == name || f.Family == name {
			found = append(found, f)
		}
	}
	return found
}
