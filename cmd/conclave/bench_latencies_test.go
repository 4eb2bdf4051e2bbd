package main

import (
	"testing"
	"time"
)

func TestBucketsHoldWhatTheyGet(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 63, 64, 65, 127, 128, 1000, time.Microsecond, 777 * time.Microsecond, time.Second, 3 * time.Hour, 1<<63 - 1} {
		i := bucketOf(d)
		if end := bucketEnd(i); end < d || float64(end) > float64(d)*1.016+1 {
			t.Errorf("%d ns falls into bucket %d, which ends at %d", d, i, end)
		}
		if i > 0 && bucketEnd(i-1) >= d {
			t.Errorf("%d ns falls into bucket %d, but the one before ends at %d", d, i, bucketEnd(i-1))
		}
	}
}

func TestQuantiles(t *testing.T) {
	var all, half latencies
	if got := all.quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %g", got)
	}
	for i := 1; i <= 1000; i++ {
		into := &all
		if i%2 == 0 {
			into = &half
		}
		into.record(time.Duration(i) * time.Millisecond)
	}
	all.add(half)
	for _, c := range []struct{ share, want float64 }{{0.5, 500}, {0.99, 990}, {0.999, 1000}, {1, 1000}} {
		if got := all.quantile(c.share); got < c.want*0.995 || got > c.want*1.02 {
			t.Errorf("the quantile %g is %g ms, want about %g", c.share, got, c.want)
		}
	}
}
