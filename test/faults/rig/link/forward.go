//go:build linux

package link

import (
	"bytes"
	"time"

	"golang.org/x/sys/unix"
)

// addressOffsets in a header of IPv4.
const (
	headerSize   = 20
	sourceOffset = 12
	targetOffset = 16
)

// forward takes one packet from a port. The event comes again while there are more.
func (x *exchange) forward(from int) {
	size, err := unix.Read(x.ports[from], x.buffer)
	if err != nil || size < headerSize || x.buffer[0]>>4 != 4 {
		return // only IPv4 is forwarded: what IPv6 does by itself has no place here
	}
	packet := x.buffer[:size]
	to := x.byAddress[packet[targetOffset+3]]
	if to < 0 || to == from {
		return
	}
	l := x.lines[from][to]
	if l.plain {
		x.deliver(l, packet)
		return
	}
	now := x.now()
	f := l.decide(now, size)
	if f.drop {
		l.count.Dropped++
		return
	}
	x.arrive(l, packet, f.at[0])
	if f.twice {
		x.arrive(l, packet, f.at[1])
	}
}

func (x *exchange) arrive(l *line, packet []byte, at time.Duration) {
	if at == 0 {
		x.deliver(l, packet)
		return
	}
	l.count.Delayed++
	l.waiting += len(packet)
	x.later.push(l, bytes.Clone(packet), at)
	if x.later.packets[0].at == at {
		x.setTimer()
	}
}

// deliver writes a packet to where it is for.
func (x *exchange) deliver(l *line, packet []byte) {
	if _, err := unix.Write(x.ports[l.to], packet); err != nil {
		l.count.Dropped++ // as any network does when the receiver is full
		return
	}
	l.count.Packets++
	l.count.Bytes += int64(len(packet))
	x.follow(packet)
}

// deliverDue delivers what has waited long enough.
func (x *exchange) deliverDue() {
	now := x.now()
	for len(x.later.packets) > 0 && x.later.packets[0].at <= now {
		p := x.later.next()
		p.line.waiting -= len(p.packet)
		x.deliver(p.line, p.packet)
	}
	x.setTimer()
}

// release delivers what waits in one direction at once, in order.
func (x *exchange) release(l *line) {
	var others []waiting
	for len(x.later.packets) > 0 {
		p := x.later.next()
		if p.line != l {
			others = append(others, p)
			continue
		}
		x.deliver(l, p.packet)
	}
	x.later.packets = others // sorted, so a heap
	l.waiting, l.last, l.free = 0, 0, 0
	x.setTimer()
}

// setTimer has the timer wake the switch for the first packet that waits; without
// one it is off.
func (x *exchange) setTimer() {
	var spec unix.ItimerSpec
	if len(x.later.packets) > 0 {
		spec.Value = unix.NsecToTimespec(max(1, int64(x.later.packets[0].at-x.now())))
	}
	if err := unix.TimerfdSettime(x.timer, 0, &spec, nil); err != nil {
		panic(err) // the arguments are wrong
	}
}
