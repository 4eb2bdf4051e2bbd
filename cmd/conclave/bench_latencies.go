package main

import (
	"math/bits"
	"time"
)

// latencies counts durations in buckets that are 1/64 of a power of two wide:
// quantiles come out at most 1.6 % too long, and hours of load need no more
// memory than a second.
type latencies struct {
	count   int64
	longest time.Duration
	buckets [64 * subBuckets]int64
}

const (
	subBucketBits = 6
	subBuckets    = 1 << subBucketBits
)

func (l *latencies) record(d time.Duration) {
	l.count++
	l.longest = max(l.longest, d)
	l.buckets[bucketOf(d)]++
}

func (l *latencies) add(other latencies) {
	l.count += other.count
	l.longest = max(l.longest, other.longest)
	for i, n := range other.buckets {
		l.buckets[i] += n
	}
}

// quantile is the duration, in milliseconds, that a share of all does not exceed;
// 0 of none.
func (l *latencies) quantile(share float64) float64 {
	rank := int64(share * float64(l.count))
	for i, n := range l.buckets {
		if rank -= n; rank < 0 {
			return milliseconds(min(bucketEnd(i), l.longest))
		}
	}
	return milliseconds(l.longest)
}

// bucketOf finds the bucket: the power of two, then the six bits after it.
func bucketOf(d time.Duration) int {
	ns := uint64(max(d, 0))
	if ns < subBuckets {
		return int(ns)
	}
	shift := bits.Len64(ns) - subBucketBits - 1
	return (shift+1)<<subBucketBits + int(ns>>shift) - subBuckets
}

// bucketEnd is the longest duration in a bucket.
func bucketEnd(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i)
	}
	shift := i>>subBucketBits - 1
	return time.Duration((uint64(i&(subBuckets-1))+subBuckets+1)<<shift - 1)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
