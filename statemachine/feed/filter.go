package feed

import logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"

// kind says what a filter selects by.
type kind uint8

const (
	kindKey kind = iota + 1
	kindRange
	kindTicket
	kindMutex
	kindElection
	kindService
	kindServices
	kindLease
	kindSystem
)

// Filter selects the events of one subscription. Filters are comparable: equal
// filters are one topic, whose events are matched once for all subscribers.
type Filter struct {
	namespace uint32
	kind      kind
	id        int64
	name, end string
}

// KV selects the changes of the keys in [key, rangeEnd): of one key if rangeEnd
// is empty, without upper bound if it is one zero byte.
func KV(namespace uint32, key, rangeEnd []byte) Filter {
	if len(rangeEnd) == 0 {
		return Filter{namespace: namespace, kind: kindKey, name: string(key)}
	}
	return Filter{namespace: namespace, kind: kindRange, name: string(key), end: string(rangeEnd)}
}

// Ticket selects the end of a wait.
func Ticket(namespace uint32, ticket int64) Filter {
	return Filter{namespace: namespace, kind: kindTicket, id: ticket}
}

// Mutex selects the changes of a mutex's holder.
func Mutex(namespace uint32, name string) Filter {
	return Filter{namespace: namespace, kind: kindMutex, name: name}
}

// Election selects the changes of an election's leader and its value.
func Election(namespace uint32, name string) Filter {
	return Filter{namespace: namespace, kind: kindElection, name: name}
}

// Service selects the changes of a service's instances.
func Service(namespace uint32, service string) Filter {
	return Filter{namespace: namespace, kind: kindService, name: service}
}

// Services selects the changes of all instances of all services.
func Services(namespace uint32) Filter {
	return Filter{namespace: namespace, kind: kindServices}
}

// Lease selects the end of a lease, and holds that it lost otherwise than by
// releasing them.
func Lease(namespace uint32, leaseID int64) Filter {
	return Filter{namespace: namespace, kind: kindLease, id: leaseID}
}

// System selects the changes of nodes and namespaces, on the system shard.
func System() Filter { return Filter{kind: kindSystem} }

// ofKeys reports whether a filter selects changes of keys.
func (f Filter) ofKeys() bool { return f.kind == kindKey || f.kind == kindRange }

// contains reports whether a range filter selects a key.
func (f Filter) contains(key []byte) bool {
	return string(key) >= f.name && (f.end == "\x00" || string(key) < f.end)
}

// topicsOf calls visit with the filters, other than ranges, that select an
// event.
func topicsOf(event *logv1.Event, visit func(Filter)) {
	namespace := event.GetNamespaceId()
	switch body := event.GetBody().(type) {
	case *logv1.Event_Kv:
		visit(Filter{namespace: namespace, kind: kindKey, name: string(body.Kv.GetKv().GetKey())})
	case *logv1.Event_Ticket:
		visit(Ticket(namespace, body.Ticket.GetTicket()))
	case *logv1.Event_Lost:
		visit(Lease(namespace, body.Lost.GetLeaseId()))
	case *logv1.Event_Election:
		visit(Election(namespace, body.Election.GetName()))
	case *logv1.Event_Instance:
		visit(Service(namespace, body.Instance.GetInstance().GetService()))
		visit(Services(namespace))
	case *logv1.Event_Lease:
		visit(Lease(namespace, body.Lease.GetLeaseId()))
	case *logv1.Event_Mutex:
		visit(Mutex(namespace, body.Mutex.GetName()))
	case *logv1.Event_System:
		visit(System())
	}
}
