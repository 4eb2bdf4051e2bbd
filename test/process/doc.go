// Package process runs real conclave processes on this machine and tests what
// only real processes can show: kills, pauses, restarts, lost disks and the
// sentences that a user gets to read.
//
// Every node listens on loopback ports that the test found free, keeps its data
// in the test's own directory and is ended with the test, by process id. The
// binary is built once per run of the package.
package process
