//go:build linux

package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Config of a Network.
type Config struct {
	// Nodes are the names of the endpoints besides Clients; each gets a namespace.
	Nodes []string
	// Seed decides which packets are lost, repeated and so on.
	Seed uint64
}

// Network is some endpoints that reach each other through a switch. Its methods
// may be used by many goroutines.
type Network struct {
	endpoints []endpoint
	starter   *starter
	process   *exec.Cmd // the switch
	exited    chan struct{}

	mu      sync.Mutex // one request at a time
	control *net.UnixConn
}

type endpoint struct {
	name      string
	address   netip.Addr
	namespace *os.File // nil is that of the harness
	device    *os.File // until the switch has it
}

// New makes a network. There is one at a time in a process, which must have called
// [Enter].
func New(cfg Config) (*Network, error) {
	if !inside {
		return nil, errNotInside
	}
	if len(cfg.Nodes) > 200 {
		return nil, fmt.Errorf("%d nodes do not fit into the network", len(cfg.Nodes))
	}
	n := &Network{starter: newStarter()}
	if err := n.build(cfg); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Network) build(cfg Config) error {
	for i, name := range append(slices.Clone(cfg.Nodes), Clients) {
		e := endpoint{name: name, address: netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 1)})}
		if name == Clients {
			e.address = netip.AddrFrom4([4]byte{10, 77, 0, 254})
		}
		err := n.starter.in(nil, func() error { return e.open(name != Clients) })
		n.endpoints = append(n.endpoints, e)
		if err != nil {
			return fmt.Errorf("the network of %s: %w", name, err)
		}
	}
	begin := &beginning{Seed: cfg.Seed}
	for _, e := range n.endpoints {
		begin.Addresses = append(begin.Addresses, e.address.As4())
	}
	if err := n.starter.in(nil, n.startSwitch); err != nil {
		return fmt.Errorf("starting the switch: %w", err)
	}
	_, err := n.ask(request{Begin: begin})
	return err
}

// open makes the endpoint's device, and its namespace before. It is for the
// starter's thread, which goes home afterwards.
func (e *endpoint) open(apart bool) (err error) {
	if apart {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if e.namespace, err = currentNamespace(); err != nil {
			return err
		}
	}
	e.device, err = openDevice(e.address)
	return err
}

func (n *Network) startSwitch() error {
	cmd, err := again(roleSwitch)
	if err != nil {
		return err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	n.control = ours
	cmd.ExtraFiles = []*os.File{theirs}
	for _, e := range n.endpoints {
		cmd.ExtraFiles = append(cmd.ExtraFiles, e.device)
	}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := errors.Join(cmd.Start(), theirs.Close(), n.closeDevices()); err != nil {
		return err
	}
	n.process, n.exited = cmd, make(chan struct{})
	go func() {
		defer close(n.exited)
		_ = cmd.Wait() // why it ended is on stderr
	}()
	return nil
}

// closeDevices leaves the devices to the switch.
func (n *Network) closeDevices() error {
	var errs []error
	for i := range n.endpoints {
		if device := n.endpoints[i].device; device != nil {
			errs = append(errs, device.Close())
			n.endpoints[i].device = nil
		}
	}
	return errors.Join(errs...)
}

// Address is the IP address of an endpoint, invalid if there is no such endpoint.
func (n *Network) Address(name string) netip.Addr {
	for _, e := range n.endpoints {
		if e.name == name {
			return e.address
		}
	}
	return netip.Addr{}
}

// In runs a function in the network namespace of an endpoint: sockets that it
// opens and processes that it starts stay there. It must not start goroutines that
// do so. A process with a death signal lives until Close at most.
func (n *Network) In(name string, do func() error) error {
	i, err := n.index(name)
	if err != nil {
		return err
	}
	return n.starter.in(n.endpoints[i].namespace, do)
}

func (n *Network) index(name string) (int, error) {
	i := slices.IndexFunc(n.endpoints, func(e endpoint) bool { return e.name == name })
	if i < 0 {
		return 0, fmt.Errorf("the network has no endpoint %q", name)
	}
	return i, nil
}

// SwitchPID is the process of the switch.
func (n *Network) SwitchPID() int { return n.process.Process.Pid }

// Close ends the switch, and the processes with a death signal that were started
// by In.
func (n *Network) Close() error {
	var errs []error
	if n.control != nil {
		errs = append(errs, n.control.Close())
	}
	if n.process != nil {
		<-n.exited
	}
	n.starter.stop()
	errs = append(errs, n.closeDevices())
	for _, e := range n.endpoints {
		if e.namespace != nil {
			errs = append(errs, e.namespace.Close())
		}
	}
	return errors.Join(errs...)
}
