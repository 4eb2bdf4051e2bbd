// Package process runs real conclave processes on this machine and tests what
// only real processes can show: kills, pauses, restarts, lost disks and the
// sentences that a user gets to read.
//
// Every node listens on loopback ports that the test found free, keeps its data
// in the test's own directory and is ended with the test, by process id. The
// binary is built once per run of the package, unless CONCLAVE_TEST_BINARY names
// one, e.g. a released one.
//
// The harness: binary_test.go, node_test.go (one process and its lives),
// cluster_test.go (several, and what to ask them), command_test.go (conclave as a
// user types it), child_test.go (a client in a process of its own, to be killed
// and paused), wait_test.go. The load and the judge of what came of it:
// load_*_test.go, history_test.go, check_*_test.go.
package process
