// Package workload is the clients of a fault run: programs of the SDK and of etcd's
// client side by side, which write into a history what they were told. Package
// history says what a record of each workload holds; nothing is judged here.
//
// A workload is a file: a function that starts its clients on a [Load], and what
// has to be done for it at the end.
//
//	Start ──▶ clients work ──▶ Stop ──▶ Finish ──▶ closed
//	             │               │         │
//	             │               │         └ last reads, drained queues; then the
//	             │               │           watchers come to the head
//	             │               └ each client ends after its current call; watchers go on
//	             └ at the rate of their workload, whatever the others do
//
// A [client] is what a checker takes for one: it has one call at a time, and a
// number that changes when the outcome of a call is not known. Connections are
// shared: clients of one workload that ask the same node use one SDK client, and so
// one pipeline.
//
// Calls derive their contexts from Load.life, so that Stop lets them end and Close
// does not wait for them.
package workload
