// Package etcd answers etcd's v3 API out of one namespace: the same messages,
// errors and corner cases, so that every etcd client works unchanged.
//
// There is one implementation, in the terms of etcd's own generated interfaces.
// It is served three times: by a grpc-go listener (grpc.go, what etcd's clients
// are fastest with), by Connect handlers on the client port (connect.go), and as
// JSON under /v3/ (gateway.go).
//
// Where etcd decides in several commits, such as a lock, this surface does too,
// because etcd's clients see its keys; what Conclave decides in one is the native
// API. docs/from-etcd.md lists every difference, with its reason.
package etcd
