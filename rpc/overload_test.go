package rpc_test

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
	"github.com/conclavehq/conclave/rpc"
)

// What the clients of the test send, each as fast as it can: 400 MiB in all.
const (
	floodClients  = 24
	floodMessages = 64
	floodCalls    = 16
	floodBytes    = 16 << 10
)

// flood is what became of calls.
type flood struct {
	mu                 sync.Mutex
	accepted, refused  []time.Duration
	otherwise          []*conclavev1.CallError
	late               int // accepted, and not known to be done in the time that a call has
	withoutRetry, lost int
}

func (f *flood) note(reply *conclavev1.Reply, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info := reply.GetError().GetInfo()
	switch {
	case reply.GetError() == nil:
		f.accepted = append(f.accepted, took)
	case info.GetReason() == conclavev1.ErrorReason_ERROR_REASON_OUTCOME_UNKNOWN:
		f.late++
	case info.GetReason() != conclavev1.ErrorReason_ERROR_REASON_OVERLOADED:
		f.otherwise = append(f.otherwise, reply.GetError())
	default:
		f.refused = append(f.refused, took)
		if info.GetRetryAfter().AsDuration() <= 0 {
			f.withoutRetry++
		}
	}
}

// Clients send far more than a node can do. Memory stays bounded; what is accepted
// is done soon, the rest is refused at once, with a reason and when to come again;
// and afterwards all is as it was.
func TestOverload(t *testing.T) {
	s := serveWithin(t, newSite(t).node, rpc.Limits{Calls: 256, Bytes: 4 << 20, Unary: 8})
	runtime.GC()
	before, stop := heap(), make(chan struct{})
	peak := make(chan uint64)
	go func() { peak <- highest(stop) }()

	f := &flood{}
	var clients sync.WaitGroup
	for client := range floodClients {
		stream := s.upgraded().stream
		clients.Go(func() { f.run(stream, client) })
	}
	clients.Wait()
	close(stop)
	grown := (int64(<-peak) - int64(before)) >> 20

	slices.Sort(f.accepted)
	slices.Sort(f.refused)
	if len(f.accepted) <= f.late || len(f.refused) == 0 || len(f.otherwise) > 0 || f.lost > 0 || f.withoutRetry > 0 {
		t.Fatalf("%d accepted, %d late, %d refused, %d of them without a time, %d lost, others %v",
			len(f.accepted), f.late, len(f.refused), f.withoutRetry, f.lost, f.otherwise)
	}
	slowest, middle := f.accepted[len(f.accepted)*99/100], f.refused[len(f.refused)/2]
	t.Logf("%d accepted, 99 of 100 in %v; %d late; %d refused, half of them in %v; the heap grew by %d MiB",
		len(f.accepted), slowest, f.late, len(f.refused), middle, grown)
	if grown > 200 {
		t.Errorf("the heap grew by %d MiB", grown)
	}
	// Clients and node share few processors here, and a call's time begins before
	// it is sent. Under the race detector, which -short comes with, all is slow.
	if !testing.Short() && (f.late > 0 || slowest > 3*time.Second || middle > 500*time.Millisecond) {
		t.Error("that is late")
	}
	s.hasAllRoom(256)
}

// hasAllRoom sends as many calls as may be in progress at a time, until all are
// accepted: what the last ones took is given back right after their answers.
func (s *site) hasAllRoom(count uint64) {
	s.t.Helper()
	ctx := within(s.t)
	for first := uint64(1); ; first += count {
		p := s.upgraded()
		var calls []*conclavev1.Call
		for id := first; id < first+count; id++ {
			calls = append(calls, put(id, "after"))
		}
		p.send(calls...)
		refused := false
		for id := first; id < first+count; id++ {
			refused = p.reply(id).GetError() != nil || refused
		}
		if !refused {
			return
		}
		if ctx.Err() != nil {
			s.t.Fatal("not all room is there again")
		}
	}
}

// run sends all that a client has to send, and hears of it.
func (f *flood) run(stream line, client int) {
	var mu sync.Mutex
	sent := make(map[uint64]time.Time)
	go func() {
		for message := range floodMessages {
			var calls []*conclavev1.Call
			mu.Lock()
			for i := range floodCalls {
				id := uint64(message*floodCalls + i)
				value := &conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: make([]byte, floodBytes)}}
				calls = append(calls, call(id, conclavev1.Procedure_PROCEDURE_KV_PUT,
					&conclavev1.PutRequest{Key: fmt.Sprint(client), Value: value}))
				sent[id] = time.Now()
			}
			mu.Unlock()
			if stream.Send(&conclavev1.PipelineRequest{Calls: calls}) != nil {
				return
			}
		}
	}()
	for answered := 0; answered < floodMessages*floodCalls; {
		response, err := stream.Receive()
		if err != nil {
			f.mu.Lock()
			f.lost += floodMessages*floodCalls - answered
			f.mu.Unlock()
			return
		}
		for _, reply := range response.GetReplies() {
			mu.Lock()
			began := sent[reply.GetCallId()]
			mu.Unlock()
			f.note(reply, time.Since(began))
			answered++
		}
	}
}

// Calls that wait and did not come over a pipeline take up no more than their
// share, and the next one hears so at once.
func TestUnaryCallsAreBounded(t *testing.T) {
	s := serveWithin(t, newSite(t).node, rpc.Limits{Unary: 2})
	poll := `{"span":{"key":"k"},"wait":"3s"}`
	var polls sync.WaitGroup
	for range 2 {
		polls.Go(func() { // the reads below may be in its way at first
			code, answer := http.StatusTooManyRequests, ""
			for code == http.StatusTooManyRequests {
				code, answer = s.post("WatchService/PollWatch", poll)
			}
			if code != http.StatusOK {
				t.Errorf("a poll that was let in: %d %s", code, answer)
			}
		})
	}
	ctx := within(t)
	for code := 0; code != http.StatusTooManyRequests; {
		var answer string
		if code, answer = s.post("KVService/Get", `{"key":"k"}`); code == http.StatusTooManyRequests && !strings.Contains(answer, "OVERLOADED") {
			t.Errorf("refused with %s", answer)
		}
		if ctx.Err() != nil {
			t.Fatal("nothing is refused while two polls wait")
		}
	}
	p := s.upgraded()
	p.send(put(1, "k"))
	p.ok(1, &conclavev1.PutResponse{})
	polls.Wait()
	s.ok("KVService/Put", `{"key":"k"}`)
}

// What such calls hold is bounded, too, not their number alone.
func TestRequestsOfUnaryCallsAreBounded(t *testing.T) {
	s := serveWithin(t, newSite(t).node, rpc.Limits{Bytes: 1000})
	poll := make(chan int, 1)
	go func() {
		code := http.StatusTooManyRequests
		for code == http.StatusTooManyRequests { // the put may have come first
			code, _ = s.post("WatchService/PollWatch", `{"span":{"key":"other"},"wait":"3s"}`)
		}
		poll <- code
	}()
	large := fmt.Sprintf(`{"key":"k","value":{"text":%q}}`, strings.Repeat("v", 1000))
	ctx := within(t)
	for code := 0; code != http.StatusTooManyRequests; {
		code, _ = s.post("KVService/Put", large) // alone it fits
		if ctx.Err() != nil {
			t.Fatal("a large request beside one that waits is not refused")
		}
	}
	if code := <-poll; code != http.StatusOK {
		t.Errorf("the poll: %d", code)
	}
	s.ok("KVService/Put", large)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// highest is the largest heap until stop.
func highest(stop <-chan struct{}) (most uint64) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			most = max(most, heap())
		case <-stop:
			return most
		}
	}
}
