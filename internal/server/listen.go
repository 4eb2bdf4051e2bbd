package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/conclavehq/conclave/internal/config"
)

// listen opens a listener for each URL of a setting. An error is one sentence
// that names the flag.
func listen(ctx context.Context, flag, urls string) ([]net.Listener, error) {
	addresses, err := config.Addresses(urls)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	var listeners []net.Listener
	for _, address := range addresses {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			closeAll(listeners)
			return nil, fmt.Errorf("%s: %w", flag, explainListen(address, err))
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func explainListen(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use by another process: stop it or give another port", address)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("no permission to listen on %s: give a port above 1023", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("this machine has no address %s", address)
	default:
		return fmt.Errorf("cannot listen on %s: %w", address, err)
	}
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

// served returns the URLs under which listeners are reached, with the ports
// that they were given when 0 was asked for.
func served(listeners []net.Listener) []string {
	var urls []string
	for _, l := range listeners {
		urls = append(urls, "http://"+l.Addr().String())
	}
	return urls
}
