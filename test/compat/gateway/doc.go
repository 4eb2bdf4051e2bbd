// Package gateway speaks JSON with Conclave as with etcd, with curl: sessions that
// are written down in testdata, with the answers of etcd. They are run on etcd, on
// Conclave's port for etcd's clients, and on the one for its own.
package gateway
