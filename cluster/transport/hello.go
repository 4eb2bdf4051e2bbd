package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/conclavehq/conclave/internal/starts"
)

// maxNameLen is the longest node name that fits a handshake, in bytes.
const maxNameLen = 255

// Hello is what a node says of itself before anything else.
type Hello struct {
	// ClusterID is the same on every node of a cluster and differs between
	// clusters.
	ClusterID uint64
	// Name is the node's name, unique in its cluster. 1 to 255 bytes of UTF-8.
	Name string
	// Incarnation is drawn at random when the data directory is created. A node
	// that lost its disk therefore cannot pass as its old self (Promise S2).
	Incarnation uint64
	// Generation counts how often a node of this name was replaced.
	Generation uint64
	// Start counts the starts of the process with this data directory. 0: the node
	// is of a version that does not.
	Start uint64
	// Starts has a random number for each of the latest starts, this one first.
	Starts Starts
}

// Starts are random numbers of the starts of a process, the latest one first; 0 where
// there was none.
type Starts [starts.Kept]uint64

// String names the node for logs and reasons.
func (h Hello) String() string {
	return fmt.Sprintf("node %q of cluster %016x (incarnation %016x, generation %d)",
		h.Name, h.ClusterID, h.Incarnation, h.Generation)
}

func (h Hello) validate() error {
	if h.Name == "" || len(h.Name) > maxNameLen || !utf8.ValidString(h.Name) {
		return fmt.Errorf("transport: a node name must be 1 to %d bytes of UTF-8", maxNameLen)
	}
	return nil
}

func (h Hello) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, h.ClusterID)
	b = binary.BigEndian.AppendUint64(b, h.Incarnation)
	b = binary.BigEndian.AppendUint64(b, h.Generation)
	b = appendText(b, h.Name)
	if h.Start == 0 {
		return b
	}
	b = binary.BigEndian.AppendUint64(b, h.Start)
	for _, nonce := range h.Starts {
		b = binary.BigEndian.AppendUint64(b, nonce)
	}
	return b
}

// parseHello ignores bytes after the known fields: later versions add there.
func parseHello(b []byte) (Hello, error) {
	if len(b) < 24 {
		return Hello{}, errShortHandshake
	}
	h := Hello{
		ClusterID:   binary.BigEndian.Uint64(b),
		Incarnation: binary.BigEndian.Uint64(b[8:]),
		Generation:  binary.BigEndian.Uint64(b[16:]),
	}
	name, rest, err := cutText(b[24:])
	if err != nil {
		return Hello{}, err
	}
	h.Name = name
	if len(rest) >= 8+8*len(h.Starts) {
		h.Start = binary.BigEndian.Uint64(rest)
		for i := range h.Starts {
			h.Starts[i] = binary.BigEndian.Uint64(rest[8+8*i:])
		}
	}
	return h, h.validate()
}

// verdict is the accepting node's judgement. The numbers are on the wire.
type verdict uint8

const (
	accepted verdict = 1
	refused  verdict = 2 // for good: the peer's data is not what we have on record
	notNow   verdict = 3 // the peer may try again
)

// maxReasonLen keeps an answer within its 4 KiB whatever Admit said.
const maxReasonLen = 1024

// answer is the accepting node's part of the handshake.
type answer struct {
	verdict verdict
	reason  string // for people; empty when accepted
	from    Hello
}

func (a answer) appendTo(b []byte) []byte {
	reason := a.reason
	if len(reason) > maxReasonLen {
		reason = reason[:maxReasonLen]
	}
	b = append(b, byte(a.verdict))
	b = appendText(b, reason)
	return a.from.appendTo(b)
}

func parseAnswer(b []byte) (answer, error) {
	if len(b) < 1 {
		return answer{}, errShortHandshake
	}
	a := answer{verdict: verdict(b[0])}
	if a.verdict < accepted || a.verdict > notNow {
		return answer{}, fmt.Errorf("unknown verdict %d", a.verdict)
	}
	reason, rest, err := cutText(b[1:])
	if err != nil {
		return answer{}, err
	}
	a.reason = reason
	a.from, err = parseHello(rest)
	return a, err
}

var errShortHandshake = errors.New("handshake message ends early")

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

func cutText(b []byte) (text string, rest []byte, err error) {
	if len(b) < 2 {
		return "", nil, errShortHandshake
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b)-2 < n {
		return "", nil, errShortHandshake
	}
	return string(b[2 : 2+n]), b[2+n:], nil
}
