//go:build linux

package link

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Flags of TCP.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	_
	flagACK
)

// flow is one direction of a TCP connection.
type flow struct {
	source, target         [4]byte
	sourcePort, targetPort uint16
}

func (f flow) back() flow { return flow{f.target, f.source, f.targetPort, f.sourcePort} }

// progress is how far a flow has come by what was delivered of it.
type progress struct {
	next     uint32 // the sequence number after the last byte
	acked    uint32 // the last number that it has acknowledged, of the flow back
	finished bool
}

// follow keeps book of connections, so that they can be reset. One is known from
// its first packet until it was reset or both sides have ended it.
func (x *exchange) follow(packet []byte) {
	header := int(packet[0]&15) * 4
	if packet[9] != unix.IPPROTO_TCP || len(packet) < header+20 {
		return
	}
	tcp := packet[header:]
	f := flow{[4]byte(packet[sourceOffset:]), [4]byte(packet[targetOffset:]),
		binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint16(tcp[2:])}
	flags := tcp[13]
	if flags&flagRST != 0 {
		delete(x.flows, f)
		delete(x.flows, f.back())
		return
	}
	p := x.flows[f]
	if flags&flagSYN != 0 {
		p = &progress{next: binary.BigEndian.Uint32(tcp[4:])}
		x.flows[f] = p
	}
	if p == nil {
		return // a straggler
	}
	p.advance(tcp, flags)
	if back := x.flows[f.back()]; p.finished && back != nil && back.finished {
		delete(x.flows, f)
		delete(x.flows, f.back())
	}
}

func (p *progress) advance(tcp []byte, flags byte) {
	next := binary.BigEndian.Uint32(tcp[4:]) + uint32(len(tcp)-int(tcp[12]>>4)*4)
	if flags&(flagSYN|flagFIN) != 0 {
		next++ // each counts as a byte
	}
	if int32(next-p.next) > 0 {
		p.next = next
	}
	if flags&flagACK != 0 {
		p.acked = binary.BigEndian.Uint32(tcp[8:])
	}
	p.finished = p.finished || flags&flagFIN != 0
}

// reset ends the connections between two endpoints and returns how many there were.
func (x *exchange) reset(r *resetting) (count int) {
	for f, p := range x.flows {
		if x.byAddress[f.source[3]] != r.A || x.byAddress[f.target[3]] != r.B {
			continue
		}
		back := x.flows[f.back()]
		if back == nil {
			continue // not answered yet, so not established
		}
		count++
		x.tear(r.A, f.back(), back, p)
		if !r.Half {
			x.tear(r.B, f, p, back)
			delete(x.flows, f)
			delete(x.flows, f.back())
		}
	}
	return count
}

// tear tells the receiver of a flow that it is reset. What counts there is the
// number that it expects next: that after the last byte delivered, or, if some of
// those before were lost, the one that it asked for last.
func (x *exchange) tear(port int, f flow, sent, received *progress) {
	for _, sequence := range []uint32{sent.next, received.acked} {
		_, _ = unix.Write(x.ports[port], resetPacket(f, sequence)) // a full receiver loses it, as any other
	}
}

// resetPacket is a packet of a flow that says that there is no such connection.
func resetPacket(f flow, sequence uint32) []byte {
	p := make([]byte, headerSize+20)
	p[0] = 4<<4 | headerSize/4
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	p[8] = 64 // hops
	p[9] = unix.IPPROTO_TCP
	copy(p[sourceOffset:], f.source[:])
	copy(p[targetOffset:], f.target[:])
	binary.BigEndian.PutUint16(p[10:], ^sum(0, p[:headerSize]))
	tcp := p[headerSize:]
	binary.BigEndian.PutUint16(tcp, f.sourcePort)
	binary.BigEndian.PutUint16(tcp[2:], f.targetPort)
	binary.BigEndian.PutUint32(tcp[4:], sequence)
	tcp[12] = 5 << 4
	tcp[13] = flagRST
	// The sum covers the addresses, the protocol and the length as well.
	binary.BigEndian.PutUint16(tcp[16:], ^sum(unix.IPPROTO_TCP+uint32(len(tcp)), p[sourceOffset:]))
	return p
}

// sum is the sum of 16-bit words in ones' complement, of an even number of bytes.
func sum(start uint32, b []byte) uint16 {
	for ; len(b) > 1; b = b[2:] {
		start += uint32(binary.BigEndian.Uint16(b))
	}
	for start > 0xffff {
		start = start>>16 + start&0xffff
	}
	return uint16(start)
}
