// Package hostile sends a real conclave process what no client should: requests
// with values at and beyond every bound, made from the descriptors of the APIs,
// and bytes on its three ports that keep to no protocol.
//
// After each of it the same has to hold (see verdict_test.go): the process lives,
// every answer has a code that says whose fault it was, memory returns to where
// it was, a client that does ordinary work was served all along, and the replicas
// can be compared.
//
// The requests: fields_test.go (values at the bounds), request_test.go (which go
// together, pairwise and seeded), doors_test.go (the ways in), boundary_test.go.
// The bytes: http1_test.go, http2_test.go and peer_test.go are tables of scripts,
// frames_test.go writes HTTP/2 by hand, wire_test.go runs them, and script_test.go
// wants each to complain of a server that hangs.
//
// CI runs few thousands of requests; more come with
//
//	go test ./test/hostile -run TestBoundaries -requests 100000 -seed 7 -timeout 1h
package hostile
