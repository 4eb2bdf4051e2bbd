package rpc

import (
	"sync"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// maxNewsBytes is how much news may wait for the writer of a stream; cohorts
// with more wait for room.
const maxNewsBytes = 4 << 20

// newsbox holds news until the writer sends it.
type newsbox struct {
	mu     sync.Mutex
	change sync.Cond
	queue  []posted
	bytes  int
	closed bool
}

// posted is news, and who wants to know when it is on its way.
type posted struct {
	news  *conclavev1.WatchNews
	size  int
	taken chan<- struct{} // nil: nobody
}

func (b *newsbox) init() { b.change.L = &b.mu }

// put adds news when there is room. It is false when the stream has ended.
func (b *newsbox) put(news *conclavev1.WatchNews, taken chan<- struct{}) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.bytes > maxNewsBytes && !b.closed {
		b.change.Wait()
	}
	return b.putLocked(news, taken)
}

// add adds news that takes little room.
func (b *newsbox) add(news *conclavev1.WatchNews) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.putLocked(news, nil)
}

func (b *newsbox) putLocked(news *conclavev1.WatchNews, taken chan<- struct{}) bool {
	if b.closed {
		return false
	}
	p := posted{news: news, size: len(news.GetResponse()) + 2*len(news.GetWatchIds()), taken: taken}
	b.bytes += p.size
	b.queue = append(b.queue, p)
	if len(b.queue) == 1 {
		b.change.Broadcast()
	}
	return true
}

// close ends the writer and whoever waits for room.
func (b *newsbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.queue = true, nil
	b.change.Broadcast()
}

// take waits for news and adds what goes into the next message; it is false at
// the end.
func (b *newsbox) take(message *conclavev1.WatchManyResponse) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) == 0 && !b.closed {
		b.change.Wait()
	}
	n, size := 0, 0
	for n < len(b.queue) && (n == 0 || size+b.queue[n].size <= maxMessageBytes) {
		size += b.queue[n].size
		message.News = append(message.News, b.queue[n].news)
		if taken := b.queue[n].taken; taken != nil {
			taken <- struct{}{}
		}
		n++
	}
	clear(b.queue[:n])
	if b.queue = b.queue[n:]; len(b.queue) == 0 {
		b.queue = nil
	}
	if b.bytes > maxNewsBytes {
		b.change.Broadcast()
	}
	b.bytes -= size
	return !b.closed
}

// write sends what is there, all of it in one message, until the end.
func (b *newsbox) write(send func(*conclavev1.WatchManyResponse) error) error {
	var message conclavev1.WatchManyResponse
	for b.take(&message) {
		if err := send(&message); err != nil {
			return err
		}
		clear(message.News)
		message.News = message.News[:0]
	}
	return nil
}
