//go:build linux

// Package link is the network between the nodes of a test and their clients, where
// each direction between two of them can be cut, slowed, made to lose, repeat and
// reorder packets, and where established connections can be reset.
//
// # How it is put together
//
// Each endpoint has a network namespace with lo and one TUN device, whose packets
// go to one process of its own, the switch (this program, run again). The switch
// reads a packet, looks up the rule of its direction, and writes it to the device
// of the endpoint that it is for. Nothing below IP is there, so nothing has to be
// learned or answered, and the kernels' own TCP meets every fault as it would in
// the field. The devices have an MTU of about the largest packet that there is, so
// that few packets carry much.
//
//	harness, clients     n1                n2                n3
//	  cluster0        cluster0          cluster0          cluster0     (TUN, one per namespace)
//	      └───────────────┴───── switch ─────┴────────────────┘        (one process, one thread)
//
// Namespaces have no names: they live as long as a process or an open file in
// them, and devices as long as the switch. So there is nothing to clean up, also
// when the harness was ended with SIGKILL.
//
// # Why the harness moves
//
// The clients are an endpoint too. [Enter] has the whole program begin again inside
// fresh namespaces (network and mounts) instead of giving every client a dialer that
// opens its sockets elsewhere: then the SDK is what users get, with its own
// connections (an HTTP client of one's own switches some of them off), and mounts
// are private as well and end with the harness.
//
// # Who owns what
//
// The switch has one goroutine, which owns all rules, queues and flows; there are
// no locks in it. Changes come to it one after the other over a socket pair, and
// the end of that is its end. On the side of the harness a [Network] has one
// goroutine, locked to a thread, which starts everything that runs in another
// namespace: processes that shall die with the harness die with the thread that
// started them, so this one stays until [Network.Close].
package link
