//go:build linux

package link

import "time"

// Rule is what happens to the packets of one direction. The zero Rule lets all of
// them pass at once.
type Rule struct {
	// Cut drops everything.
	Cut bool
	// Delay is added to every packet, and up to Jitter more, without changing the
	// order.
	Delay, Jitter time.Duration
	// Loss, Duplicate and Reorder are the probabilities, from 0 to 1, that a packet
	// is dropped, comes twice, or is overtaken by later ones (it comes up to
	// 2·(Delay+Jitter), at least 2 ms, later).
	Loss, Duplicate, Reorder float64
	// BytesPerSecond bounds the throughput; 0 does not. A second's worth of packets
	// may wait, at least 256 KiB, and what is beyond that is dropped.
	BytesPerSecond int64
}

// Way is a direction between two endpoints.
type Way struct{ From, To string }

// All stands for every endpoint in a Way.
const All = "*"

// Clients is the name of the endpoint in which the harness itself is.
const Clients = "clients"

// Count is what became of the packets of one direction.
type Count struct {
	Packets, Bytes                          int64 // delivered
	Dropped, Delayed, Duplicated, Reordered int64
}
