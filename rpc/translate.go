package rpc

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// valueBytes returns what is stored for a value. JSON is stored as its compact
// text with sorted keys, so that equal values are equal bytes.
func valueBytes(v *conclavev1.Value) []byte {
	switch kind := v.GetKind().(type) {
	case *conclavev1.Value_Text:
		// Not a copy: nobody changes a command's value.
		return unsafe.Slice(unsafe.StringData(kind.Text), len(kind.Text))
	case *conclavev1.Value_Bytes:
		return kind.Bytes
	case *conclavev1.Value_Json:
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		// A structure of the well-known type always encodes: validation has
		// refused what does not.
		if err := encoder.Encode(kind.Json.AsInterface()); err != nil {
			return nil
		}
		return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	}
	return nil
}

// value shows stored bytes as text where they are text.
func value(data []byte) *conclavev1.Value {
	if utf8.Valid(data) {
		return &conclavev1.Value{Kind: &conclavev1.Value_Text{Text: string(data)}}
	}
	return &conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: data}}
}

// millis rounds up: a bound that the caller gave is never cut short.
func millis(d *durationpb.Duration) int64 {
	return int64((d.AsDuration() + time.Millisecond - 1) / time.Millisecond)
}

func duration(ms int64) *durationpb.Duration {
	return durationpb.New(time.Duration(ms) * time.Millisecond)
}

// optionalDuration leaves out what has no meaning.
func optionalDuration(ms int64) *durationpb.Duration {
	if ms <= 0 {
		return nil
	}
	return duration(ms)
}

// waitMillis is a wait as the log has it: 0 for none, below 0 for as long as
// the session lives.
func waitMillis(wait *durationpb.Duration, forever bool) int64 {
	if forever {
		return -1
	}
	return millis(wait)
}

// timestamp of Unix milliseconds; 0 is none.
func timestamp(ms int64) *timestamppb.Timestamp {
	if ms == 0 {
		return nil
	}
	return timestamppb.New(time.UnixMilli(ms))
}

func requestID(id *conclavev1.RequestId) *logv1.RequestId {
	if id == nil {
		return nil
	}
	return &logv1.RequestId{
		Client:    id.GetClient(),
		Sequence:  id.GetSequence(),
		DoneBelow: id.GetDoneBelow(),
	}
}

// logCard leaves Since out: apply stamps it.
func logCard(c *conclavev1.Card) *logv1.Card {
	if c == nil {
		return nil
	}
	return &logv1.Card{
		Identity: c.GetIdentity(),
		Host:     c.GetHost(),
		Pid:      c.GetPid(),
		Purpose:  c.GetPurpose(),
		Labels:   c.GetLabels(),
	}
}

func card(c *logv1.Card) *conclavev1.Card {
	if c == nil {
		return nil
	}
	return &conclavev1.Card{
		Identity: c.GetIdentity(),
		Host:     c.GetHost(),
		Pid:      c.GetPid(),
		Purpose:  c.GetPurpose(),
		Since:    timestamp(c.GetSinceMs()),
		Labels:   c.GetLabels(),
	}
}

func logGuards(guards []*conclavev1.Guard) []*logv1.Guard {
	var out []*logv1.Guard
	for _, g := range guards {
		switch hold := g.GetHold().(type) {
		case *conclavev1.Guard_Mutex:
			out = append(out, &logv1.Guard{Hold: &logv1.Guard_Mutex{Mutex: &logv1.MutexGuard{
				Name: hold.Mutex.GetName(), Token: hold.Mutex.GetToken(),
			}}})
		case *conclavev1.Guard_Election:
			out = append(out, &logv1.Guard{Hold: &logv1.Guard_Election{Election: &logv1.ElectionGuard{
				Name: hold.Election.GetName(), Term: hold.Election.GetTerm(),
			}}})
		case *conclavev1.Guard_Claim:
			out = append(out, &logv1.Guard{Hold: &logv1.Guard_Claim{Claim: &logv1.ClaimGuard{
				Queue: hold.Claim.GetQueue(), JobId: hold.Claim.GetJobId(), Receipt: hold.Claim.GetReceipt(),
			}}})
		}
	}
	return out
}

// each translates a list.
func each[From, To any](list []From, translate func(From) To) []To {
	if len(list) == 0 {
		return nil
	}
	out := make([]To, len(list))
	for i, item := range list {
		out[i] = translate(item)
	}
	return out
}
