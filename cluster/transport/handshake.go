package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"slices"
	"strings"
)

const (
	handshakeVersion = 1
	maxHandshakeLen  = 4096 // of a whole message

	kindHello  = 1
	kindAnswer = 2

	handshakeHeaderLen = 4
	checksumLen        = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// RefusedError is returned to Dragonboat when a peer refused this node.
type RefusedError struct {
	Peer   Hello
	Reason string
}

// Error repeats the peer's reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("refused by %v: %s", e.Peer, e.Reason)
}

// accept is the handshake of the accepting side, after the magic. It answers
// also when it refuses, so that the peer's operator learns why.
func (t *Transport) accept(conn net.Conn) (Hello, error) {
	body, err := readHandshake(conn, kindHello)
	if err != nil {
		return Hello{}, err
	}
	peer, err := parseHello(body)
	if err != nil {
		return Hello{}, err
	}
	v, reason := t.judge(peer)
	if v == accepted && !t.enroll(peer.Name) {
		v, reason = notNow, "this node has too many connections from you already"
	}
	reply := answer{verdict: v, reason: reason, from: t.cfg.Self}
	_, err = conn.Write(sealHandshake(nil, kindAnswer, reply.appendTo))
	switch {
	case v != accepted:
		return Hello{}, fmt.Errorf("%v turned away: %s", peer, reason)
	case err != nil:
		t.dismiss(peer.Name)
		return Hello{}, err
	}
	t.acceptedOnce.Store(true)
	return peer, nil
}

// introduce is the handshake of the dialing side. names are those that the
// dialed address may answer with.
func (t *Transport) introduce(conn net.Conn, names []string) error {
	hello := sealHandshake([]byte(magic), kindHello, t.cfg.Self.appendTo)
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	body, err := readHandshake(conn, kindAnswer)
	if err != nil {
		return fmt.Errorf("no answer to the handshake: %w", err)
	}
	a, err := parseAnswer(body)
	if err != nil {
		return err
	}
	if !slices.Contains(names, a.from.Name) {
		return fmt.Errorf("reached %v instead of %q", a.from, strings.Join(names, ", "))
	}
	own, ownReason := t.judge(a.from)
	if a.verdict == refused {
		foreign := a.from.ClusterID != t.cfg.Self.ClusterID
		if t.cfg.OnRefused != nil && (own == accepted || foreign && !t.acceptedOnce.Load()) {
			t.cfg.OnRefused(a.from, a.reason)
		}
		return &RefusedError{Peer: a.from, Reason: a.reason}
	}
	if own != accepted {
		return fmt.Errorf("%v is not the peer of this node: %s", a.from, ownReason)
	}
	if a.verdict == notNow {
		return fmt.Errorf("%v is not ready: %s", a.from, a.reason)
	}
	t.acceptedOnce.Store(true)
	return nil
}

// judge decides about a peer from its hello alone.
func (t *Transport) judge(peer Hello) (verdict, string) {
	if peer.ClusterID != t.cfg.Self.ClusterID {
		return refused, fmt.Sprintf("%q belongs to cluster %016x, but %q belongs to cluster %016x; check the cluster token and the peer addresses",
			t.cfg.Self.Name, t.cfg.Self.ClusterID, peer.Name, peer.ClusterID)
	}
	if t.cfg.Admit == nil {
		return accepted, ""
	}
	err := t.cfg.Admit(peer)
	switch {
	case err == nil:
		return accepted, ""
	case errors.Is(err, ErrNotYet):
		return notNow, err.Error()
	default:
		return refused, err.Error()
	}
}

// sealHandshake appends one handshake message to b.
func sealHandshake(b []byte, kind byte, body func([]byte) []byte) []byte {
	start := len(b)
	b = append(b, handshakeVersion, kind, 0, 0)
	b = body(b)
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start-handshakeHeaderLen))
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// readHandshake reads exactly one message: the byte after it may be a frame.
func readHandshake(r io.Reader, kind byte) ([]byte, error) {
	header := make([]byte, handshakeHeaderLen)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(header[2:]))
	switch {
	case header[0] != handshakeVersion:
		return nil, fmt.Errorf("unknown handshake version %d", header[0])
	case header[1] != kind:
		return nil, fmt.Errorf("handshake message of kind %d instead of %d", header[1], kind)
	case n > maxHandshakeLen-handshakeHeaderLen-checksumLen:
		return nil, fmt.Errorf("handshake message of %d bytes is too long", n)
	}
	b := make([]byte, n+checksumLen)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	sum := crc32.Update(crc32.Checksum(header, castagnoli), castagnoli, b[:n])
	if sum != binary.BigEndian.Uint32(b[n:]) {
		return nil, errors.New("handshake message with a bad checksum")
	}
	return b[:n], nil
}
