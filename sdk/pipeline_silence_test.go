package conclave

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// inBubble runs a test of a pipeline whose node serves connections without a
// network, with the time of the bubble.
func inBubble(t *testing.T, serve func(conn *wire.Conn) error, test func(t *testing.T, p *pipeline)) {
	onNetwork(t, func(conn net.Conn) net.Conn { return conn }, serve, test)
}

// onNetwork is inBubble with connections as the test wants them.
func onNetwork(t *testing.T, network func(net.Conn) net.Conn, serve func(conn *wire.Conn) error, test func(t *testing.T, p *pipeline)) {
	synctest.Test(t, func(t *testing.T) {
		owner := newConnections(config{dialTimeout: dialTimeoutDefault})
		p := newPipeline(nil, owner)
		p.upgrade = func(context.Context) (*wire.Conn, error) {
			near, far := net.Pipe()
			go func() {
				_ = serve(wire.NewConn(far, nil, maxResponseBytes, time.Hour))
				_ = far.Close()
			}()
			return wire.NewConn(network(near), nil, maxResponseBytes, pingAfter+pingWait), nil
		}
		test(t, p)
		owner.close()
	})
}

// put makes a call with this sequence, which the answer has as its revision.
func (p *pipeline) put(ctx context.Context, sequence uint64) error {
	req := &conclavev1.PutRequest{Key: "a", RequestId: &conclavev1.RequestId{Client: "c", Sequence: sequence}}
	var res conclavev1.PutResponse
	if err := p.call(ctx, conclavev1.Procedure_PROCEDURE_KV_PUT, req, &res); err != nil {
		return err
	}
	if res.GetRevision() != int64(sequence) {
		return errors.New("this is another call's answer")
	}
	return nil
}

// nextCalls takes a message that has calls.
func nextCalls(conn *wire.Conn) (*conclavev1.PipelineRequest, error) {
	for {
		request := &conclavev1.PipelineRequest{}
		if err := conn.Receive(request); err != nil || len(request.GetCalls()) > 0 {
			return request, err
		}
	}
}

// lostAfter checks that a call was given up after about ten seconds without a word
// from the node, and that nobody takes it for undone.
func lostAfter(t *testing.T, err error, took time.Duration) {
	t.Helper()
	if e := fromWire(err); err == nil || e.Reason != reasonUnavailable || e.harmless() {
		t.Errorf("the call ended with %v", err)
	}
	if took < pingAfter+pingWait || took > (pingAfter+pingWait)*5/4+lastWords {
		t.Errorf("it took %v", took)
	}
}

// A node that falls silent is asked whether it lives, and given up when it does
// not say so.
func TestSilentNode(t *testing.T) {
	pings, left := 0, make(chan error, 1)
	inBubble(t, func(conn *wire.Conn) error {
		request := &conclavev1.PipelineRequest{}
		if err := errors.Join(greetOn(conn), conn.Receive(request), conn.Send(&conclavev1.PipelineResponse{
			Replies: []*conclavev1.Reply{putReply(request.GetCalls()[0])},
		}), conn.Receive(request)); err != nil {
			return err
		}
		for {
			var ping conclavev1.PipelineRequest
			if err := conn.Receive(&ping); err != nil {
				left <- err
				return err
			}
			if pings++; len(ping.GetCalls()) > 0 {
				t.Errorf("instead of a ping there came %v", &ping)
			}
		}
	}, func(t *testing.T, p *pipeline) {
		if err := p.put(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		lostAfter(t, p.put(t.Context(), 2), time.Since(began))
		if <-left; pings < 2 {
			t.Errorf("the node was asked %d times", pings)
		}
	})
}

// A node that says that it lives keeps calls waiting for as long as they like, and
// idle connections stay.
func TestLivingNode(t *testing.T) {
	var connections, pings atomic.Int64
	inBubble(t, func(conn *wire.Conn) error {
		connections.Add(1)
		if err := greetOn(conn); err != nil {
			return err
		}
		var open []*conclavev1.Call
		for begun := time.Now(); ; {
			var request conclavev1.PipelineRequest
			if err := conn.Receive(&request); err != nil {
				return err
			}
			if len(request.GetCalls()) == 0 {
				pings.Add(1)
			}
			open = append(open, request.GetCalls()...)
			response := &conclavev1.PipelineResponse{}
			if time.Since(begun) >= 5*time.Minute && len(open) > 0 {
				response.Replies, open = []*conclavev1.Reply{putReply(open[0])}, nil
			}
			if err := conn.Send(response); err != nil {
				return err
			}
		}
	}, func(t *testing.T, p *pipeline) {
		began := time.Now()
		if err := p.put(t.Context(), 1); err != nil || time.Since(began) < 5*time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		<-time.After(time.Hour)
		if err := p.put(t.Context(), 2); err != nil {
			t.Error(err)
		}
		// One each beat, or every other: more would keep the node busy.
		beats := int64(time.Since(began) / (pingAfter / 2))
		if n := pings.Load(); connections.Load() != 1 || n < beats/2-1 || n > beats {
			t.Errorf("%d connections, %d pings in %d beats", connections.Load(), n, beats)
		}
	})
}

// A node that reads nothing holds up neither the pipeline nor a caller who sends
// for itself.
func TestNodeReadsNothing(t *testing.T) {
	for name, answers := range map[string]int{"the pipeline sends": 0, "the caller sends": 1} {
		t.Run(name, func(t *testing.T) {
			var connections atomic.Int64
			inBubble(t, func(conn *wire.Conn) error {
				if connections.Add(1) == 2 {
					return greetAndAnswer(conn)
				}
				if err := greetOn(conn); err != nil {
					return err
				}
				for range answers {
					request, err := nextCalls(conn)
					if err != nil {
						return err
					}
					if err := conn.Send(&conclavev1.PipelineResponse{Replies: []*conclavev1.Reply{putReply(request.GetCalls()[0])}}); err != nil {
						return err
					}
				}
				<-time.After(time.Minute)
				return nil
			}, func(t *testing.T, p *pipeline) {
				for i := range answers {
					if err := p.put(t.Context(), uint64(i)+1); err != nil {
						t.Fatal(err)
					}
				}
				began := time.Now()
				lostAfter(t, p.put(t.Context(), 7), time.Since(began))
				if err := p.put(t.Context(), 8); err != nil {
					t.Errorf("over the next connection: %v", err)
				}
				<-time.After(time.Minute) // the node's goroutines end
			})
		})
	}
}

// A node that upgrades and does not greet is called without a pipeline.
func TestNoGreeting(t *testing.T) {
	inBubble(t, func(conn *wire.Conn) error { return conn.Receive(&conclavev1.PipelineRequest{}) },
		func(t *testing.T, p *pipeline) {
			began := time.Now()
			if err := p.put(t.Context(), 1); !errors.Is(err, errNotPiped) || time.Since(began) != dialTimeoutDefault {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
			began = time.Now()
			if err := p.put(t.Context(), 2); !errors.Is(err, errNotPiped) || time.Since(began) > 0 {
				t.Errorf("after %v: %v", time.Since(began), err)
			}
		})
}

// What becomes of a call that its caller gives up depends on whether it was sent.
func TestGivenUp(t *testing.T) {
	for name, greets := range map[string]bool{"unsent": false, "sent": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(conn *wire.Conn) error {
				if greets {
					if err := greetOn(conn); err != nil {
						return err
					}
				}
				for {
					if err := conn.Receive(&conclavev1.PipelineRequest{}); err != nil {
						return err
					}
				}
			}, func(t *testing.T, p *pipeline) {
				ctx, cancel := context.WithTimeout(t.Context(), dialTimeoutDefault/2)
				defer cancel()
				err := p.put(ctx, 1)
				if e := fromWire(err); !e.retryable() || e.harmless() == greets {
					t.Errorf("%v", err)
				}
				if greets != (connect.CodeOf(err) == connect.CodeDeadlineExceeded) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// oneWay is a connection over which at some point nothing can be sent any more.
type oneWay struct {
	net.Conn
	cut *atomic.Bool
}

func (c oneWay) Write(p []byte) (int, error) {
	if c.cut.Load() {
		return 0, &net.OpError{Op: "write", Err: net.ErrClosed}
	}
	return c.Conn.Write(p)
}

// What a node said before its end is heard, though sending fails already: answers
// are answers.
func TestLastWords(t *testing.T) {
	for name, direct := range map[string]bool{"the pipeline sends": false, "the caller sends": true} {
		t.Run(name, func(t *testing.T) {
			var cut atomic.Bool
			arrived, speak := make(chan struct{}), make(chan struct{})
			onNetwork(t, func(conn net.Conn) net.Conn { return oneWay{conn, &cut} }, func(conn *wire.Conn) error {
				if err := greetOn(conn); err != nil {
					return err
				}
				request, err := nextCalls(conn)
				if err != nil {
					return err
				}
				close(arrived)
				<-speak
				return errors.Join(
					conn.Send(&conclavev1.PipelineResponse{Replies: []*conclavev1.Reply{putReply(request.GetCalls()[0])}}),
					endOn(conn, conclavev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN))
			}, func(t *testing.T, p *pipeline) {
				arrived, speak = make(chan struct{}), make(chan struct{}) // of the bubble
				first, second := make(chan error, 1), make(chan error, 1)
				go func() { first <- p.put(t.Context(), 1) }()
				synctest.Wait()
				<-arrived
				cut.Store(true)
				if !direct { // who sends for itself would not, then
					p.mu.Lock()
					p.open.unheard = maxUnheard + 1
					p.mu.Unlock()
				}
				go func() { second <- p.put(t.Context(), 2) }()
				synctest.Wait()
				close(speak)
				if err := <-first; err != nil {
					t.Errorf("the call that was answered: %v", err)
				}
				if err := <-second; fromWire(err).Reason != reasonUnavailable || fromWire(err).harmless() {
					t.Errorf("the other one: %v", err)
				}
			})
		})
	}
}

// A stream that ends right after its greeting is no reason to do without.
func TestEndsWithGreeting(t *testing.T) {
	var connections atomic.Int64
	inBubble(t, func(conn *wire.Conn) error {
		if connections.Add(1) <= 20 {
			return greetOn(conn)
		}
		return greetAndAnswer(conn)
	}, func(t *testing.T, p *pipeline) {
		for range 20 {
			if err := p.put(t.Context(), 1); err == nil || errors.Is(err, errNotPiped) {
				t.Fatalf("%v", err)
			}
			synctest.Wait()
		}
		if err := p.put(t.Context(), 2); err != nil {
			t.Error(err)
		}
	})
}
