//go:build linux

package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// answerIn bounds how long the switch may take for a request.
const answerIn = 10 * time.Second

// request is what the harness wants of the switch; one message each.
type request struct {
	Begin *beginning `json:",omitempty"`
	Set   []setting  `json:",omitempty"`
	Reset *resetting `json:",omitempty"`
	Count bool       `json:",omitempty"`
}

// beginning is the first request.
type beginning struct {
	Addresses [][4]byte // of the devices, in the order of the files
	Seed      uint64
}

// setting is a rule of one direction, by the indexes of the endpoints.
type setting struct {
	From, To int
	Rule     Rule
}

// resetting asks for the end of the connections between two endpoints: both hear
// of it, or only A.
type resetting struct {
	A, B int
	Half bool
}

type answer struct {
	Problem string `json:",omitempty"`
	Reset   int
	Counts  [][]Count `json:",omitempty"` // by from and to
}

// socketPair makes two ends that keep messages apart.
func socketPair() (ours *net.UnixConn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	mine := os.NewFile(uintptr(fds[0]), "switch control")
	theirs = os.NewFile(uintptr(fds[1]), "switch control")
	conn, err := net.FileConn(mine)
	err = errors.Join(err, mine.Close())
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}

// ask sends a request to the switch and waits for the answer.
func (n *Network) ask(r request) (answer, error) {
	message, err := json.Marshal(r)
	if err != nil {
		return answer{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.control.SetDeadline(time.Now().Add(answerIn)); err != nil {
		return answer{}, err
	}
	if _, err := n.control.Write(message); err != nil {
		return answer{}, fmt.Errorf("the switch is gone: %w", err)
	}
	buffer := make([]byte, 1<<16)
	size, err := n.control.Read(buffer)
	if err != nil {
		return answer{}, fmt.Errorf("the switch does not answer: %w", err)
	}
	var a answer
	if err := json.Unmarshal(buffer[:size], &a); err != nil {
		return answer{}, fmt.Errorf("the switch says %q: %w", buffer[:size], err)
	}
	if a.Problem != "" {
		return a, errors.New(a.Problem)
	}
	return a, nil
}
