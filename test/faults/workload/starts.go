package workload

import "github.com/conclavehq/conclave/test/faults/history"

// starts starts the clients of each workload, and tells what to do for it at the
// end; nil is nothing.
var starts = map[history.Workload]func(l *Load) finish{
	history.Registers:   registers,
	history.Lists:       appendToLists,
	history.Watches:     watches,
	history.Counters:    counters,
	history.Namespaces:  namespaces,
	history.Compactions: compactions,
	history.Leases:      leases,
	history.Mutexes:     mutexes,
	history.Guarded:     guarded,
	history.Elections:   elections,
	history.Queues:      queues,
	history.Registry:    registry,
}
