// Package etcdctl runs etcd's own command line tool against Conclave: sessions
// that are written down in testdata, with the answers of etcd.
//
// testdata/one and testdata/three are run on one node and on three, of etcd and of
// Conclave; testdata/conclave is where Conclave answers in its own way, which
// docs/from-etcd.md gives the reasons for.
package etcdctl
