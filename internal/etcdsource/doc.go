// Package etcdsource reads a live etcd, or whatever speaks its v3 API: all keys at one
// revision, the leases, and then the changes.
//
// It uses the generated stubs of etcd's API as they are. etcd's own client would bring
// a copy of most of what is here, and more, into the program, and decide for itself
// when to go on elsewhere.
package etcdsource
