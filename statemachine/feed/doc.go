// Package feed hands committed events to subscribers on the same node: watchers
// and calls that wait for their ticket.
//
// The state machine publishes the events of an entry after its commit. Publish
// finds the subscriptions that an event concerns by looking its topic up, so
// its cost hardly grows with the number of subscriptions on other topics, and
// it never waits for a subscriber: what a subscriber has not taken yet is kept
// in a bounded buffer, and a subscriber whose buffer overflows is told so
// instead of being waited for.
//
//	           Publish               Next
//	(nothing) ────────▶ (pending) ────────▶ (nothing)
//	                      │ buffer full
//	                      ▼          Next
//	                   (lagging) ────────▶ ErrLagging, then (nothing)
//
// After ErrLagging or ErrReset the subscription goes on with what is published
// from then on. The subscriber reads the state, which is newer than anything
// that it missed, and drops later events that the state contained already, by
// their revision.
//
// # Locks
//
// Feed.mu guards the topics and the progress; it is held during Publish, so a
// subscription begins between two publications. Subscription.mu guards what is
// pending. Feed.mu is taken first. WatchRequest.Ready is called with both held.
package feed
