//go:build linux

package wallclock

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"
)

// Clock is the wall clock of one process.
type Clock struct {
	pid  int
	slot int64 // address of the offset in the process

	mu     sync.Mutex // held while the clock is changed; protects what follows
	offset time.Duration
}

// Attach takes the wall clock of a process over; it goes on to show the time of the
// machine until Jump. It takes root and linux/amd64. Attaching twice is harmless:
// the offset stays.
func Attach(pid int) (*Clock, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	c := &Clock{pid: pid}
	// A process that was only just forked has not begun its own program: for a moment
	// it has no vDSO, or that of its parent.
	for deadline := time.Now().Add(beginning); ; {
		err := c.take()
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, errNoVDSO) || time.Now().After(deadline) {
			return nil, fmt.Errorf("wallclock: process %d: %w", pid, err)
		}
		runtime.Gosched()
	}
}

// beginning is how long a process may take from its fork to its program.
const beginning = 5 * time.Second

// Jump moves the clock by whole seconds, forward or back, from where it is.
func (c *Clock) Jump(by time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if by%time.Second != 0 {
		return fmt.Errorf("wallclock: a jump of %v is not of whole seconds", by)
	}
	offset := c.offset + by
	err := c.stopped(func(memory *os.File) error { return c.write(memory, offset) })
	if err != nil {
		return fmt.Errorf("wallclock: process %d: %w", c.pid, err)
	}
	c.offset = offset
	return nil
}

// Offset is how far the clock is from that of the machine.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// take replaces the function, or finds that it was replaced before.
func (c *Clock) take() error {
	f, err := findFunction(c.pid)
	if err != nil {
		return err
	}
	c.slot = f.address + slotAt
	return c.stopped(func(memory *os.File) error {
		present := make([]byte, len(stub))
		if _, err := memory.ReadAt(present, f.address); err != nil {
			return fmt.Errorf("cannot read the vDSO: %w", err)
		}
		if string(present[:slotAt]) == stub[:slotAt] {
			c.offset = time.Duration(binary.LittleEndian.Uint64(present[slotAt:])) * time.Second
			return nil
		}
		if f.size < int64(len(stub)) {
			return fmt.Errorf("%s has %d bytes, %d are needed", function, f.size, len(stub))
		}
		if err := outside(c.pid, f.address, f.address+int64(len(stub))); err != nil {
			return err
		}
		if _, err := memory.WriteAt([]byte(stub), f.address); err != nil {
			return fmt.Errorf("cannot write to the vDSO: %w", err)
		}
		return nil
	})
}

func (c *Clock) write(memory io.WriterAt, offset time.Duration) error {
	bytes := binary.LittleEndian.AppendUint64(nil, uint64(int64(offset/time.Second)))
	if _, err := memory.WriteAt(bytes, c.slot); err != nil {
		return fmt.Errorf("cannot write the offset: %w", err)
	}
	return nil
}

// stopped calls change while no thread of the process runs. It tries again as long
// as a thread is where it must not be.
func (c *Clock) stopped(change func(memory *os.File) error) error {
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", c.pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = memory.Close() }()
	for range attempts {
		resume, err := stop(c.pid)
		if err != nil {
			return err
		}
		err = change(memory)
		if err := errors.Join(err, resume()); !errors.Is(err, errInside) {
			return err
		}
	}
	return errInside
}

// attempts bounds how often a thread may be found inside of the function, in which
// it spends some nanoseconds at a time.
const attempts = 100
