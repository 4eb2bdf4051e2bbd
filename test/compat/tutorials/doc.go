// Package tutorials types what the usual introductions to etcd have one type, with
// the name of the program changed: conclave server for etcd, and CONCLAVE_ for
// ETCD_ in the names of variables.
//
// testdata/etcd is run with etcd as well, which answers to the other name for that.
// testdata/v2 is about the API that etcd has no more since 3.6.
package tutorials
