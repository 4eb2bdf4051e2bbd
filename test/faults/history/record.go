package history

import "time"

// Workload is what kind of work a record belongs to; 0 is the harness itself.
type Workload uint8

// The workloads, each a column of the scorecard.
const (
	Harness Workload = iota
	Registers
	Lists
	Watches
	Leases
	Mutexes
	Guarded
	Elections
	Queues
	Counters
	Registry
	Namespaces
	Compactions
)

// Workloads are all of them, in the order of the scorecard.
var Workloads = []Workload{Registers, Lists, Watches, Leases, Mutexes, Guarded,
	Elections, Queues, Counters, Registry, Namespaces, Compactions}

// Kind says what happened; doc.go lists the fields that each has.
type Kind uint8

// The kinds of records.
const (
	Txn Kind = iota + 1
	List
	WatchOpened
	WatchEvent
	WatchProgress
	WatchEnded
	LeaseGranted
	LeaseRenewed
	LeaseRevoked
	LeaseSeen
	LeaseGone
	Acquired
	Released
	HoldLost
	OutsideWrite
	GuardedWrite
	Elected
	Resigned
	TermLost
	Proclaimed
	LeaderSeen
	Enqueued
	Claimed
	Extended
	Acked
	Nacked
	ClaimLost
	Drained
	Incremented
	CounterRead
	Registered
	Deregistered
	InstancesSeen
	Created
	Dropped
	NamespaceGone
	Compacted
	FaultBegun
	FaultEnded
	ReplicaHash
	LeaderGone
	Healthy
	Complaint
)

// Outcome is what a client knows of its call in the end.
type Outcome uint8

const (
	// OK: the service said that it happened.
	OK Outcome = iota
	// Refused: it surely did not happen.
	Refused
	// Unknown: it happened once or not at all, and perhaps later than Return.
	Unknown
)

// Via is the client by which something was asked.
type Via uint8

// The clients.
const (
	SDK Via = iota
	Etcd
)

// Record is one thing that a client saw. Which fields it has depends on Kind.
type Record struct {
	Client    int32
	Workload  Workload
	Kind      Kind
	Outcome   Outcome
	Via       Via
	Call      time.Duration // when it was asked, since the run began
	Return    time.Duration // when it was answered or given up, likewise
	Node      string        // of records of the harness: a node's name; "" = none
	Namespace string
	Reason    string

	Key, End string
	Value    string
	Values   []string
	Revision int64
	Token    int64
	Version  int64 // of a key, as the answer tells it; 0 = it does not
	Lease    int64
	Job      uint64
	Attempt  int32
	TTL      time.Duration
	Left     time.Duration // of a lease's TTL, as a LeaseSeen tells it; 0 = less than a second or not told

	If, Then, Else []Op
	Succeeded      bool
	At             int64 // the old revision that a read is of; 0 = the newest
	Since          int64 // a serializable read asked for a state of this revision or later; 0 = any
	Serializable   bool
	Micro          []Micro

	Watcher  int32
	From     int64
	Filter   Filter
	Previous bool
	Truth    bool
	Events   []Event

	Fenced, Lost bool
}

// OpType is what an [Op] does.
type OpType uint8

// The operations and comparisons of a transaction.
const (
	Put OpType = iota + 1
	Get
	Delete
	IfValue       // the key's value equals Value
	IfModRevision // the key's mod revision equals Number, 0 = absent
	IfVersion     // the key's version equals Number, 0 = absent
)

// Op is one operation of a transaction with its result, or one comparison.
type Op struct {
	Type     OpType
	Key, End string // End as etcd's range_end; "" = one key
	Value    string
	Number   int64
	Lease    int64
	Deleted  int64
	Found    []KV // of a Get, in the order of the answer
}

// KV is a key as a read or an event tells it.
type KV struct {
	Key, Value                 string
	Created, Modified, Version int64
	Lease                      int64
}

// Micro is one step of a list transaction.
type Micro struct {
	Append  bool
	Key     string
	Element int64
	Read    []int64 // of a read: the elements in order
}

// Event is one change that a watcher was told.
type Event struct {
	Delete   bool
	KV       KV  // of a delete: Key and Modified
	Previous *KV // when asked for and told
}

// Filter says which events a watcher does not want.
type Filter uint8

// The filters; the zero value filters nothing.
const (
	NoPuts Filter = 1 << iota
	NoDeletes
)
