package statemachine_test

import (
	"fmt"
	"testing"

	dbsm "github.com/lni/dragonboat/v4/statemachine"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/statemachine"
	"github.com/conclavehq/conclave/statemachine/entry"
)

// BenchmarkUpdate applies puts of 256 bytes to 10,000 keys as an SDK client sends
// them, with request ids, many in an entry. One operation is one put.
func BenchmarkUpdate(b *testing.B) {
	for _, size := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			m := statemachine.New(statemachine.Config{Shard: 2, Replica: 1, Dir: b.TempDir()})
			if _, err := m.Open(nil); err != nil {
				b.Fatal(err)
			}
			defer func() { _ = m.Close() }()
			var entries []dbsm.Entry
			add := func(header *logv1.Header, commands ...*logv1.Command) {
				entries = append(entries, dbsm.Entry{Index: uint64(len(entries) + 1), Cmd: entry.Append(nil, header, commands...)})
			}
			add(&logv1.Header{Epoch: 1}, &logv1.Command{Body: &logv1.Command_ClaimEpoch{ClaimEpoch: &logv1.ClaimEpoch{Epoch: 1}}})
			for n := uint64(0); n < uint64(b.N); {
				var commands []*logv1.Command
				for range size {
					n++
					commands = append(commands, benchmarkPut(n))
				}
				add(&logv1.Header{Epoch: 1, ClockMs: int64(n / 10), BatchId: n}, commands...)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range entries {
				if _, err := m.Update(entries[i : i+1]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchmarkPut is the n-th put of a client with a thousand callers.
func benchmarkPut(n uint64) *logv1.Command {
	return &logv1.Command{
		NamespaceId: 1,
		RequestId: &logv1.RequestId{
			Client: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", Sequence: n, DoneBelow: max(n, 1001) - 1000,
		},
		Body: &logv1.Command_Put{Put: &logv1.Put{
			Key: fmt.Appendf(nil, "k%07d", n*7919%10_000), Value: make([]byte, 256),
		}},
	}
}
