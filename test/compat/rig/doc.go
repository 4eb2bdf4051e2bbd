// Package rig starts real servers for the tests of this module: conclave, and etcd
// as its authors release it, as processes on loopback ports that were free, each
// with a directory of the test's own, ended with the test by process id.
//
// A test that is written against a Cluster runs against both kinds. What etcd does
// not do is not asked of Conclave, and what the test got wrong shows first.
package rig
