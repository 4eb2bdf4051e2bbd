//go:build linux

package rig

import "testing"

// BenchmarkPut is a write to three nodes, one after the other.
func BenchmarkPut(b *testing.B) {
	c := start(b, Config{})
	client := dial(b, c)
	for b.Loop() {
		_, err := client.Put(b.Context(), "a", "b")
		must(b, err)
	}
}

// BenchmarkManyPuts is writes of many clients at a time.
func BenchmarkManyPuts(b *testing.B) {
	c := start(b, Config{})
	client := dial(b, c)
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := client.Put(b.Context(), "a", "b"); err != nil {
				b.Error(err)
			}
		}
	})
}
