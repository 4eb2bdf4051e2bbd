package embed_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/conclavehq/conclave/embed"
	conclave "github.com/conclavehq/conclave/sdk"
)

// BenchmarkPut is a client in the same process as its node, over the real port
// and disk: 256 bytes into one of 10,000 keys, with so many callers at a time.
func BenchmarkPut(b *testing.B) {
	value := strings.Repeat("v", 256)
	benchmark(b, func(c *conclave.Client, n int64) error {
		_, err := c.Put(b.Context(), "k"+strconv.FormatInt(n%10_000, 10), value)
		return err
	})
}

// BenchmarkGet reads what BenchmarkPut writes.
func BenchmarkGet(b *testing.B) {
	benchmark(b, func(c *conclave.Client, n int64) error {
		_, err := c.Get(b.Context(), "k"+strconv.FormatInt(n%10_000, 10))
		return err
	})
}

func benchmark(b *testing.B, op func(c *conclave.Client, n int64) error) {
	node, err := embed.Start(b.Context(), embed.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = node.Stop() }()
	for _, path := range []struct {
		name string
		opts []conclave.Option
	}{
		{"pipeline", nil},
		{"unary", []conclave.Option{conclave.WithoutPipeline()}},
	} {
		c, err := conclave.Dial(b.Context(), node.Endpoints(), path.opts...)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		for _, callers := range []int{1, 64, 256, 1000} {
			b.Run(fmt.Sprintf("%s/callers=%d", path.name, callers), func(b *testing.B) {
				share(b, callers, func(n int64) error { return op(c, n) })
			})
		}
	}
}

// share has callers do b.N operations together.
func share(b *testing.B, callers int, op func(n int64) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	before := cpu(b)
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := op(n); err != nil && !strings.Contains(err.Error(), "no such key") {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpu is the time that the process has had on processors: other than the rate,
// it tells the same on a machine that is busy with other things.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
