//go:build linux

// Package rig runs the cluster that a fault run mistreats: real conclave processes,
// each in a network namespace of its own behind the switch of package link, and if
// wanted with its data on a disk of its own (package disk). The harness, with all
// clients, is in one more namespace, the endpoint "clients".
//
//	Dir/n1/…          data of a node, or its disk with the data in mnt/data
//	Dir/logs/n1.log   what all lives of the node logged, as JSON lines
//
// A program calls [Enter] first of all: it moves the harness into namespaces of its
// own (package link says why).
//
// # What ends what
//
// A [Cluster] owns its network, disks and nodes; Close ends them in the order nodes,
// network, disks. A node has one goroutine per life, which reaps the process. If the
// harness is killed, the kernel ends the nodes with it (they have a death signal),
// the switch sees its socket close, and namespaces, devices and mounts vanish with
// their last process.
//
// # How nodes are asked
//
// With single HTTP requests, each on a connection of its own: a pool would keep
// connections that a fault has made worthless, and the answers are about now. A node
// that is cut off from the clients does not answer, which is what a user would see;
// it is not asked behind the back of the network.
package rig
