package workload

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"connectrpc.com/connect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/proto/gen/conclave/v1/conclavev1connect"
	conclave "github.com/conclavehq/conclave/sdk"
)

// single makes calls of the native API that are sent once. The SDK repeats a call
// that failed, and an attempt that it has given up may take effect after the call
// has returned: for a renewal, which has no request id, that would make its Return
// say nothing about how long the lease lives. And it tells no revisions where they
// are of no use to a program.
type single struct {
	url       string
	leases    conclavev1connect.LeaseServiceClient
	queues    conclavev1connect.QueueServiceClient
	elections conclavev1connect.ElectionServiceClient
	registry  conclavev1connect.RegistryServiceClient
}

// singles are one for each node.
func (p *pool) singles() []single {
	all := make([]single, len(p.cfg.Endpoints))
	for i, url := range p.cfg.Endpoints {
		caller := &http.Client{Transport: p.transport}
		all[i] = single{
			url:       url,
			leases:    conclavev1connect.NewLeaseServiceClient(caller, url),
			queues:    conclavev1connect.NewQueueServiceClient(caller, url),
			elections: conclavev1connect.NewElectionServiceClient(caller, url),
			registry:  conclavev1connect.NewRegistryServiceClient(caller, url),
		}
	}
	return all
}

// toldBy puts the error of a single attempt into the SDK's terms: what the service
// decided, what was never sent, and what may have happened.
func toldBy(err error) error {
	if err == nil {
		return nil
	}
	if reason := reasonOf(err); reason != "" {
		return &conclave.Error{Reason: reason, Message: err.Error()}
	}
	if dial, ok := errors.AsType[*net.OpError](err); ok && dial.Op == "dial" {
		return &conclave.Error{Reason: "UNAVAILABLE", Message: err.Error()}
	}
	return &conclave.Error{Reason: "OUTCOME_UNKNOWN", Message: err.Error()}
}

// reasonOf is the reason that a node gave, "" if it gave none.
func reasonOf(err error) conclave.Reason {
	failure, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return ""
	}
	for _, detail := range failure.Details() {
		value, err := detail.Value()
		if err != nil {
			continue
		}
		info, ok := value.(*conclavev1.ErrorInfo)
		if ok && info.GetReason() != conclavev1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			return conclave.Reason(strings.TrimPrefix(info.GetReason().String(), "ERROR_REASON_"))
		}
	}
	return ""
}

// choose picks one of them.
func (c *client) choose(singles []single) single { return singles[c.rand.IntN(len(singles))] }

// renew asks one node for one renewal.
func (s single) renew(ctx context.Context, namespace string, lease int64) error {
	_, err := s.leases.RenewLease(ctx, &conclavev1.RenewLeaseRequest{Namespace: namespace, LeaseId: lease})
	return toldBy(err)
}
