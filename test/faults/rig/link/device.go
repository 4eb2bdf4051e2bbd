//go:build linux

package link

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

const (
	deviceName = "cluster0"
	// deviceMTU is close to the largest packet of IP.
	deviceMTU = 60000
	// deviceQueue is how many packets may wait for the switch.
	deviceQueue = 4096
)

// openDevice makes the TUN device of the namespace that the thread is in, and
// brings it and lo up. The device ends with the file.
func openDevice(address netip.Addr) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	file := os.NewFile(uintptr(fd), "/dev/net/tun")
	if err := setUp(fd, address); err != nil {
		return nil, errors.Join(fmt.Errorf("device %s: %w", deviceName, err), file.Close())
	}
	return file, nil
}

func setUp(tun int, address netip.Addr) error {
	made, err := unix.NewIfreq(deviceName)
	if err != nil {
		return err
	}
	made.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(tun, unix.TUNSETIFF, made); err != nil {
		return fmt.Errorf("making it (one network at a time): %w", err)
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	for _, step := range []struct {
		request uint
		value   func(*unix.Ifreq) error
	}{
		{unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(address.AsSlice()) }},
		{unix.SIOCSIFNETMASK, func(r *unix.Ifreq) error { return r.SetInet4Addr([]byte{255, 255, 255, 0}) }},
		{unix.SIOCSIFMTU, func(r *unix.Ifreq) error { r.SetUint32(deviceMTU); return nil }},
		{unix.SIOCSIFTXQLEN, func(r *unix.Ifreq) error { r.SetUint32(deviceQueue); return nil }},
	} {
		r, err := unix.NewIfreq(deviceName)
		if err != nil {
			return err
		}
		if err := step.value(r); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(socket, step.request, r); err != nil {
			return fmt.Errorf("setting it up (%#x): %w", step.request, err)
		}
	}
	return errors.Join(bringUp(socket, deviceName), bringUp(socket, "lo"))
}

func bringUp(socket int, device string) error {
	r, err := unix.NewIfreq(device)
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, r); err != nil {
		return fmt.Errorf("bringing %s up: %w", device, err)
	}
	return nil
}
