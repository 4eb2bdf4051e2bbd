//go:build linux

package rig

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// How long one question may take, and how often it is put again to a node that
// cannot call back.
const (
	quickAnswer = time.Second
	slowAnswer  = 30 * time.Second
	askEvery    = 20 * time.Millisecond
)

// asker puts questions to nodes, each on a connection of its own.
type asker struct{ client *http.Client }

func newAsker() *asker {
	dialer := net.Dialer{Timeout: quickAnswer}
	return &asker{&http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}}
}

// call makes one call of the API.
func (a *asker) call(ctx context.Context, n *Node, within time.Duration, method string, in, out proto.Message) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	message, err := proto.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.ClientURL()+"/conclave.v1."+method, bytes.NewReader(message))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/proto")
	body, err := a.do(req)
	if err != nil {
		return fmt.Errorf("asking %s for %s: %w", n.name, method, err)
	}
	return proto.Unmarshal(body, out)
}

func (a *asker) do(req *http.Request) ([]byte, error) {
	res, err := a.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(body)))
	}
	return body, nil
}

// ready asks whether a node serves requests.
func (a *asker) ready(ctx context.Context, n *Node) error {
	ctx, cancel := context.WithTimeout(ctx, quickAnswer)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.ClientURL()+"/readyz", nil)
	if err != nil {
		return err
	}
	if _, err = a.do(req); err != nil {
		return fmt.Errorf("%s is not ready: %w", n.name, err)
	}
	return nil
}

// status asks a node how it stands.
func (a *asker) status(ctx context.Context, n *Node) (*conclavev1.GetStatusResponse, error) {
	out := &conclavev1.GetStatusResponse{}
	return out, a.call(ctx, n, quickAnswer, "ClusterService/GetStatus", &conclavev1.GetStatusRequest{}, out)
}

// read makes a node do a linearizable read.
func (a *asker) read(ctx context.Context, n *Node) error {
	key := &conclavev1.Span{Key: "rig"}
	return a.call(ctx, n, 2*quickAnswer, "KVService/Range", &conclavev1.RangeRequest{Span: key, CountOnly: true}, &conclavev1.RangeResponse{})
}

// until puts a question again and again until it is answered without an error, and
// returns the last error when the context ends, or after a minute.
func until(ctx context.Context, question func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	var last error
	for {
		err := question(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil || last == nil {
			last = err // what a question cut short complains about says nothing
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last
		}
	}
}
