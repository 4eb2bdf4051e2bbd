// Package clientv3 runs etcd's own Go client, and the packages that come with it,
// against Conclave and against etcd.
//
// What one node can show is asked on each port that a client may use (node_test.go
// has the list), on a server that the tests share: every test has keys of its own.
// What takes failures, such as a node that is killed or a connection that is cut,
// has servers of its own (restart_test.go, proxy_test.go, quorum_test.go).
package clientv3
