// Package differential runs random operations of etcd's API against etcd itself
// and against Conclave, and demands that every answer, error, revision and event
// stream be equal.
//
// The oracle is etcd of the version that go.mod pins, in this process. Both
// systems start empty, at revision 1, and are sent each operation at the same
// time by generated gRPC stubs, so that no client library retries, hides or
// repairs anything. As long as all answers are equal the two stay in lockstep, so
// one pair of servers carries a sequence of thousands of operations. At the first
// difference the test looks for the shortest script that still shows one, and
// prints it with both answers.
//
// What cannot be equal is made so before the comparison, and nothing else
// (normal_test.go): ids of clusters and members, Raft's term, lease ids that a
// server chose, a TTL's last second, how events are packed into responses.
// Differences that are wanted are in wanted_test.go, each with its reason.
//
// Reading order: operation_test.go (a script, and numbers that are known only
// when it runs), generate_*_test.go (random scripts), side_test.go and
// watch_*_test.go (one system as seen by stubs), run_test.go (both in lockstep),
// shrink_*_test.go (the shortest script), differential_test.go (the test itself),
// faults_test.go (proof that the test can fail).
package differential
