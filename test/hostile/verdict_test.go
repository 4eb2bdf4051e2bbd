package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// What must hold after everything.
const (
	// roomBytes is what the process may keep beside 1.5 times what it had: the
	// tables of the store that fill up with any writing, 64 MiB for each of the two
	// shards, and the records kept in memory.
	roomBytes = 224 << 20
	// memoryPatience is how long freed memory may take to go back.
	memoryPatience = 45 * time.Second
	// worstP99 is what the ordinary client may wait, on a machine that the attacker,
	// the client and the node share.
	worstP99 = time.Second
	// opTimeout is when the ordinary client gives an operation up.
	opTimeout = 10 * time.Second
)

// bystander is a client that does ordinary work all along: a write and a read of
// what was written, each time over a connection of its own or a kept one by turns.
type bystander struct {
	node *node
	stop context.CancelFunc
	done sync.WaitGroup

	mu     sync.Mutex // protects what follows
	took   []time.Duration
	failed []string
}

func attend(t *testing.T, n *node) *bystander {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	b := &bystander{node: n, stop: stop}
	if err := b.call(ctx, http.DefaultClient, "NamespaceService/CreateNamespace", `{"name":"bystander"}`, nil); err != nil {
		t.Fatal(err)
	}
	b.done.Go(func() { b.work(ctx, false) })
	b.done.Go(func() { b.work(ctx, true) })
	t.Cleanup(b.leave)
	return b
}

func (b *bystander) leave() {
	b.stop()
	b.done.Wait()
}

func (b *bystander) work(ctx context.Context, fresh bool) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: fresh}}
	defer client.CloseIdleConnections()
	turn := time.NewTicker(20 * time.Millisecond)
	defer turn.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		began := time.Now()
		err := b.operate(ctx, client, fmt.Sprintf("%v-%d", fresh, i))
		if ctx.Err() == nil {
			b.note(time.Since(began), err)
		}
		select {
		case <-turn.C:
		case <-ctx.Done():
		}
	}
}

func (b *bystander) note(took time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.took = append(b.took, took)
	if err != nil {
		b.failed = append(b.failed, err.Error())
	}
}

func (b *bystander) operate(ctx context.Context, client *http.Client, value string) error {
	put := fmt.Sprintf(`{"namespace":"bystander","key":"k%.4s","value":{"text":%q}}`, value, value)
	if err := b.call(ctx, client, "KVService/Put", put, nil); err != nil {
		return err
	}
	var got struct {
		Kv struct{ Value struct{ Text string } }
	}
	if err := b.call(ctx, client, "KVService/Get", fmt.Sprintf(`{"namespace":"bystander","key":"k%.4s"}`, value), &got); err != nil {
		return err
	}
	if got.Kv.Value.Text != value {
		return fmt.Errorf("read %q after %q was written", got.Kv.Value.Text, value)
	}
	return nil
}

func (b *bystander) call(ctx context.Context, client *http.Client, method, body string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+b.node.client+"/conclave.v1."+method, bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", method, res.Status, text)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	return err
}

// judge checks what must hold, and logs the figures.
func (b *bystander) judge(t *testing.T, base int64) {
	t.Helper()
	n := b.node
	if !n.alive() {
		t.Fatalf("the process ended:\n%s", n.tail())
	}
	// Its work goes on meanwhile: the collector of a process that does nothing rests.
	most, now := base*3/2+roomBytes, settled(t, n, base*3/2+roomBytes)
	if now > most {
		t.Errorf("%d MiB are resident, %d were at first, %d are allowed", now>>20, base>>20, most>>20)
	}
	b.leave()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.failed) > 0 {
		t.Errorf("%d of %d operations of the bystander failed, the first: %s", len(b.failed), len(b.took), b.failed[0])
	}
	slices.Sort(b.took)
	if len(b.took) == 0 {
		t.Fatal("the bystander did nothing")
	}
	p99 := b.took[len(b.took)*99/100]
	if p99 > worstP99 {
		t.Errorf("the bystander's 99th percentile was %v", p99)
	}
	for _, word := range []string{"panic", `"level":"error"`, `"level":"fatal"`} {
		if lines := n.said(word); len(lines) > 0 {
			t.Errorf("%d lines of the log say %s, the first: %s", len(lines), word, lines[0])
		}
	}
	var compared hashes
	if err := b.call(t.Context(), http.DefaultClient, "ClusterService/CompareHashes", "{}", &compared); err != nil {
		t.Errorf("the replica's hash cannot be read: %v", err)
	} else if err = compared.complete(); err != nil {
		t.Error(err)
	}
	if !n.alive() {
		t.Errorf("the process ended in the end:\n%s", n.tail())
	}
	t.Logf("bystander: %d operations, median %v, p99 %v, worst %v; resident %d MiB, at first %d MiB",
		len(b.took), b.took[len(b.took)/2], p99, b.took[len(b.took)-1], now>>20, base>>20)
}

// hashes are those of a node's replicas, as it tells them.
type hashes struct {
	Shards []struct {
		Replicas []struct{ Hash, Problem string }
	}
}

// complete wants a hash of the system's shard and of one with data, at least, each of
// the one replica that there is.
func (h hashes) complete() error {
	if len(h.Shards) < 2 {
		return fmt.Errorf("there are hashes of %d shards", len(h.Shards))
	}
	for _, s := range h.Shards {
		if len(s.Replicas) != 1 || s.Replicas[0].Hash == "" || s.Replicas[0].Problem != "" {
			return fmt.Errorf("the replica's hash is %+v", s)
		}
	}
	return nil
}

// settled is the resident memory once it is no more than a bound, or after a
// while.
func settled(t *testing.T, n *node, most int64) int64 {
	t.Helper()
	over := time.After(memoryPatience)
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	for {
		now := n.resident(t)
		if now <= most {
			return now
		}
		select {
		case <-look.C:
		case <-over:
			return now
		}
	}
}
