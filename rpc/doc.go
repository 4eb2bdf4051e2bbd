// Package rpc serves the public API, conclave.v1, over Connect, gRPC, gRPC-Web
// and plain HTTP with JSON, and what operators ask beside it: health, metrics
// and version.
//
// A handler does four things in this order, and each has its file:
//
//	validate   every field against its limit              validate*.go
//	translate  the request into a command or a query      translate*.go
//	           of the log, and the result back
//	propose    through Cluster, or query                   call.go
//	await      the end of the wait, if it was queued       await.go
//
// Every error leaves through errors.go, which knows what clients may see.
//
// # Waits
//
// A call that waits is a subscription to its ticket on the node that the caller
// is connected to. The place in line belongs to the caller's session, not to
// the call: when the call ends early, because the caller went away or the node
// stops, the place stays, and the same request sent again (same request id)
// finds it and waits on (promise R4).
//
//	           granted
//	call ──┬──▶ propose ─────────────────────────────▶ response
//	       │       │ queued                        ▲
//	       │       ▼                               │ granted
//	       │    subscribe ─▶ ask the ticket ─▶ wait for its event
//	       │                    ▲                  │ lagging, reset
//	       │                    └──────────────────┘
//	       └── same request id again: the same ticket
//
// # Watches
//
// A watch of WatchService is a stream. WatchMany carries many: see watchPipe.
//
// # Drain
//
// Server.Drain ends streams and waits at once with reason SHUTTING_DOWN, so
// that clients move to another node. Short calls are served until the HTTP
// server stops.
package rpc
