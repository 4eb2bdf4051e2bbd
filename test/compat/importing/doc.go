// Package importing moves the keys of a real etcd into a node and looks at what
// arrives: with clients that write all the while, leases, compactions, users, and an
// importer that is killed.
package importing
