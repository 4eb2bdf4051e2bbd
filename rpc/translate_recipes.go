package rpc

import (
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

func lease(l *logv1.LeaseInfo) *conclavev1.Lease {
	if l == nil {
		return nil
	}
	return &conclavev1.Lease{
		LeaseId:   l.GetLeaseId(),
		Ttl:       duration(l.GetTtlMs()),
		Remaining: duration(l.GetRemainingMs()),
		Card:      card(l.GetCard()),
		Keys:      each(l.GetKeys(), printable),
		Owns:      l.GetOwns(),
	}
}

func mutex(m *logv1.MutexInfo) *conclavev1.Mutex {
	if m == nil {
		return nil
	}
	out := &conclavev1.Mutex{
		Name:       m.GetName(),
		Waiters:    each(m.GetWaiters(), mutexWaiter),
		Waiting:    m.GetWaiting(),
		DelayedFor: optionalDuration(m.GetDelayedForMs()),
	}
	if hold := m.GetHold(); hold != nil {
		out.Hold = &conclavev1.MutexHold{
			Token:     hold.GetToken(),
			LeaseId:   hold.GetLeaseId(),
			Count:     hold.GetCount(),
			Card:      card(hold.GetCard()),
			ExpiresIn: optionalDuration(hold.GetExpiresInMs()),
		}
	}
	if broken := m.GetLastBreak(); broken != nil {
		out.LastBreak = &conclavev1.MutexBreak{
			Token:  broken.GetToken(),
			Actor:  broken.GetActor(),
			Reason: broken.GetReason(),
			At:     timestamp(broken.GetAtMs()),
			Holder: card(broken.GetHolder()),
		}
	}
	return out
}

func mutexWaiter(w *logv1.MutexWaiter) *conclavev1.MutexWaiter {
	return &conclavev1.MutexWaiter{
		Position: w.GetPosition(),
		Ticket:   w.GetTicket(),
		LeaseId:  w.GetLeaseId(),
		Card:     card(w.GetCard()),
	}
}

func leader(l *logv1.Leader) *conclavev1.Leader {
	if l == nil {
		return nil
	}
	return &conclavev1.Leader{
		Term:      l.GetTerm(),
		LeaseId:   l.GetLeaseId(),
		Value:     value(l.GetValue()),
		Card:      card(l.GetCard()),
		ExpiresIn: optionalDuration(l.GetExpiresInMs()),
		Priority:  l.GetPriority(),
		Revision:  l.GetRevision(),
	}
}

func candidate(c *logv1.Candidate) *conclavev1.Candidate {
	return &conclavev1.Candidate{
		Position: c.GetPosition(),
		Ticket:   c.GetTicket(),
		LeaseId:  c.GetLeaseId(),
		Priority: c.GetPriority(),
		Value:    value(c.GetValue()),
		Card:     card(c.GetCard()),
	}
}

func election(e *logv1.ElectionInfo) *conclavev1.Election {
	if e == nil {
		return nil
	}
	return &conclavev1.Election{
		Name:               e.GetName(),
		Leader:             leader(e.GetLeader()),
		Candidates:         each(e.GetCandidates(), candidate),
		Waiting:            e.GetWaiting(),
		LastHandOverReason: e.GetLastHandOverReason(),
		LastHandOverActor:  e.GetLastHandOverActor(),
	}
}

// logInstance leaves out what apply fills in.
func logInstance(i *conclavev1.Instance) *logv1.Instance {
	return &logv1.Instance{
		Service:  i.GetService(),
		Id:       i.GetId(),
		Address:  i.GetAddress(),
		Metadata: i.GetMetadata(),
		Weight:   i.GetWeight(),
		Zone:     i.GetZone(),
		Status:   logv1.InstanceStatus(i.GetStatus()),
		LeaseId:  i.GetLeaseId(),
		Card:     logCard(i.GetCard()),
	}
}

func instance(i *logv1.Instance) *conclavev1.Instance {
	if i == nil {
		return nil
	}
	return &conclavev1.Instance{
		Service:        i.GetService(),
		Id:             i.GetId(),
		Address:        i.GetAddress(),
		Metadata:       i.GetMetadata(),
		Weight:         i.GetWeight(),
		Zone:           i.GetZone(),
		Status:         conclavev1.InstanceStatus(i.GetStatus()),
		LeaseId:        i.GetLeaseId(),
		Card:           card(i.GetCard()),
		CreateRevision: i.GetCreateRevision(),
		ModRevision:    i.GetModRevision(),
	}
}

func serviceSummary(s *logv1.ServiceSummary) *conclavev1.ServiceSummary {
	return &conclavev1.ServiceSummary{
		Service:   s.GetService(),
		Instances: s.GetInstances(),
		Serving:   s.GetServing(),
	}
}
