//go:build linux

package link

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkRoundTrip is a small message there and back over one connection: two
// packets with data through the switch, and what acknowledges them.
func BenchmarkRoundTrip(b *testing.B) {
	n := network(b, "n1")
	client, server := connect(b, n, Clients, "n1")
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		_, _ = io.Copy(server, server)
	}()
	word := make([]byte, 100)
	before, used := packets(b, n), processorTime(b, n.SwitchPID())
	for b.Loop() {
		if _, err := client.Write(word); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client, word); err != nil {
			b.Fatal(err)
		}
	}
	report(b, n, before, used)
	_ = client.Close()
	<-echoed
}

// BenchmarkStream is as much as one connection carries.
func BenchmarkStream(b *testing.B) {
	n := network(b, "n1")
	client, server := connect(b, n, Clients, "n1")
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(io.Discard, server)
	}()
	block := make([]byte, 64<<10)
	b.SetBytes(int64(len(block)))
	before, used := packets(b, n), processorTime(b, n.SwitchPID())
	for b.Loop() {
		if _, err := client.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	report(b, n, before, used)
	_ = client.Close()
	<-read
}

// report adds how many packets there were, and what they cost the switch.
func report(b *testing.B, n *Network, before int64, used float64) {
	count := float64(packets(b, n) - before)
	b.ReportMetric(count/b.Elapsed().Seconds(), "packets/s")
	b.ReportMetric((processorTime(b, n.SwitchPID())-used)/count*1e6, "switch-µs/packet")
}

func packets(b *testing.B, n *Network) (all int64) {
	b.Helper()
	counts, err := n.Counts()
	if err != nil {
		b.Fatal(err)
	}
	for _, count := range counts {
		all += count.Packets
	}
	return all
}

// processorTime is how many seconds of a processor a process has used.
func processorTime(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), ") ")
	ticks := 0.0
	for _, field := range strings.Fields(after)[11:13] { // user and system
		count, err := strconv.ParseFloat(field, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += count
	}
	return ticks / 100
}
