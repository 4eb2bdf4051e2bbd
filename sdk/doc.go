// Package conclave is the Go client of Conclave, a coordination service: locks,
// elections, queues, a registry of services and versioned keys, each decided by
// the service in one commit.
//
//	c, err := conclave.Dial(ctx, []string{"http://127.0.0.1:7400"})
//	s, err := c.NewSession(ctx, conclave.WithTTL(10*time.Second))
//	err = s.Mutex("invoice/42").Do(ctx, func(ctx context.Context, h *conclave.Hold) error {
//		return store.Write(ctx, h.Token(), invoice)
//	})
//
// # What is guaranteed
//
//	a Put, Delete or Txn that returns   is on the disks of a majority
//	nil                                 of the nodes
//	a mutation that is retried          takes effect once: every mutation
//	                                    carries a request id
//	a read                              is linearizable, unless Serializable
//	                                    is asked for
//	the context of a Hold, Term or Job  ends before the service can grant the
//	                                    same thing to somebody else, also when
//	                                    no packet arrives any more
//	a token                             is greater than every token before it;
//	                                    Guard makes the service check it
//	a place in line                     survives reconnects and failing nodes,
//	                                    and ends with its session
//	a Watch                             is ordered and without gaps, or ends
//	                                    with ErrCompacted
//
// # Sessions
//
// A session is a lease that the SDK renews. Everything that is held, waited
// for, claimed and registered belongs to a session and ends with it.
//
//	            renewal acknowledged
//	               ┌─────────┐
//	NewSession ─▶ LIVE ──────┘
//	               │
//	               ├─ hold-until passes without an acknowledged ─▶ ErrSessionExpired
//	               │  renewal
//	               ├─ the service says that the lease is gone ───▶ ErrSessionLost
//	               └─ Close, Detach, Client.Close ───────────────▶ ErrSessionClosed
//
// Hold-until is
//
//	send time of the last acknowledged renewal + TTL − margin
//
// by the monotonic clock of this process, where margin is a tenth of the TTL
// and at most a second. The service counts the TTL from when it commits the
// renewal, which is later than its sending, so hold-until comes first even when
// the two clocks run apart by a few percent. A process that was stopped or
// suspended finds its contexts ended when it wakes up: their Err asks the clock
// before it answers.
//
// Session.Context ends with the session. The contexts of holds, terms and jobs
// derive from it and end, in addition, when an administrator breaks or hands
// over what they stand for. context.Cause says why: an *Error that matches
// ErrLost.
//
// # Errors
//
// Everything that the service refuses is an *Error and matches one of the
// sentinels in this package with errors.Is. Failures that a retry may cure
// (a node that stops, a majority that is missing) are retried until the
// caller's context ends; so give calls a context with a deadline. A call that
// fails then matches both the error of its context and what went wrong last;
// if a mutation may have happened all the same, it matches ErrOutcomeUnknown.
//
// # Iterators
//
// Watch, Observe, Jobs and WatchInstances run until the loop is left. They
// yield an error once, as their last step: also the error of their context when
// that ends. They never end silently.
//
// # Concurrency
//
// All types may be used by many goroutines at a time unless they say otherwise.
package conclave
