//go:build linux

package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// The files that a switch inherits.
const (
	controlFile = 3
	firstDevice = 4
)

// wake is what a queue's timer is known as among the events; the devices are known
// by their indexes.
const (
	controlEvent = -1
	timerEvent   = -2
)

// exchange is the state of the switch, for its one goroutine.
type exchange struct {
	poll, timer int
	began       time.Time
	ports       []int     // the files of the devices
	byAddress   [256]int  // port by the last byte of the address, -1: none
	lines       [][]*line // by from and to
	later       queue     // what is not delivered yet
	flows       map[flow]*progress
	buffer      []byte
}

// switchProgram is the main function of the switch. It returns the exit code.
func switchProgram() int {
	runtime.GOMAXPROCS(1)
	runtime.LockOSThread()
	// Packets go before the load of nodes and clients; where that is not allowed
	// they take their turn.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -10)
	x := &exchange{began: time.Now(), flows: make(map[flow]*progress), buffer: make([]byte, 1<<16)}
	if err := x.run(); err != nil {
		return complain(fmt.Errorf("the switch cannot go on: %w", err))
	}
	return 0
}

func (x *exchange) run() (err error) {
	if x.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if x.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK); err != nil {
		return err
	}
	if err := errors.Join(x.watch(controlFile, controlEvent), x.watch(x.timer, timerEvent)); err != nil {
		return err
	}
	events := make([]unix.EpollEvent, 32)
	for {
		count, err := unix.EpollWait(x.poll, events, -1)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range events[:count] {
			switch e.Fd {
			case controlEvent:
				over, err := x.obey()
				if over || err != nil {
					return err
				}
			case timerEvent:
				x.deliverDue()
			default:
				x.forward(int(e.Fd))
			}
		}
	}
}

func (x *exchange) watch(file, as int) error {
	return unix.EpollCtl(x.poll, unix.EPOLL_CTL_ADD, file, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(as)})
}

func (x *exchange) now() time.Duration { return time.Since(x.began) }

// obey carries out one request. The harness is gone when there is nothing to read.
func (x *exchange) obey() (over bool, err error) {
	size, err := unix.Read(controlFile, x.buffer)
	if err != nil || size == 0 {
		return true, nil
	}
	var r request
	if err := json.Unmarshal(x.buffer[:size], &r); err != nil {
		return false, err
	}
	message, err := json.Marshal(x.answer(r))
	if err != nil {
		return false, err
	}
	_, err = unix.Write(controlFile, message)
	return false, err
}

func (x *exchange) answer(r request) (a answer) {
	if r.Begin != nil {
		if err := x.begin(r.Begin); err != nil {
			a.Problem = err.Error()
		}
	}
	for _, s := range r.Set {
		l := x.lines[s.From][s.To]
		l.set(s.Rule)
		if l.plain {
			x.release(l)
		}
	}
	if r.Reset != nil {
		a.Reset = x.reset(r.Reset)
	}
	if r.Count {
		for _, row := range x.lines {
			var counts []Count
			for _, l := range row {
				counts = append(counts, l.count)
			}
			a.Counts = append(a.Counts, counts)
		}
	}
	return a
}

func (x *exchange) begin(b *beginning) error {
	for i := range x.byAddress {
		x.byAddress[i] = -1
	}
	for i, address := range b.Addresses {
		port := firstDevice + i
		if err := unix.SetNonblock(port, true); err != nil {
			return err
		}
		x.ports = append(x.ports, port)
		x.byAddress[address[3]] = i
		var row []*line
		for j := range b.Addresses {
			row = append(row, newLine(i, j, b.Seed))
		}
		x.lines = append(x.lines, row)
		if err := x.watch(port, i); err != nil {
			return err
		}
	}
	return nil
}
