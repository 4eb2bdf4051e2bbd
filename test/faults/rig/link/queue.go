//go:build linux

package link

import (
	"container/heap"
	"time"
)

// waiting is a packet that is not due yet.
type waiting struct {
	at     time.Duration
	number uint64 // keeps the order among equals
	line   *line
	packet []byte
}

// queue is a heap of packets, the next one first.
type queue struct {
	packets []waiting
	pushed  uint64
}

func (q *queue) push(l *line, packet []byte, at time.Duration) {
	q.pushed++
	heap.Push(q, waiting{at, q.pushed, l, packet})
}

// next takes the first packet out of a queue that is not empty.
func (q *queue) next() waiting { return heap.Pop(q).(waiting) }

// Len, Less, Swap, Push and Pop are for package heap.

func (q *queue) Len() int { return len(q.packets) }

func (q *queue) Less(i, j int) bool {
	a, b := &q.packets[i], &q.packets[j]
	return a.at < b.at || a.at == b.at && a.number < b.number
}

func (q *queue) Swap(i, j int) { q.packets[i], q.packets[j] = q.packets[j], q.packets[i] }

func (q *queue) Push(p any) { q.packets = append(q.packets, p.(waiting)) }

func (q *queue) Pop() any {
	last := len(q.packets) - 1
	p := q.packets[last]
	q.packets[last] = waiting{}
	q.packets = q.packets[:last]
	return p
}
