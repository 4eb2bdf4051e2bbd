package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// debugPort is the port that the operator asks the process on. It is apart from
// the clients' port, so that who reaches that one does not see into the process.
// Without a URL in the settings it has no listeners.
type debugPort struct {
	listeners []net.Listener
	http      *http.Server
	// end ends what is being served, such as a profile that takes 30 s: it answers
	// with what it has.
	end context.CancelFunc
}

func openDebug(ctx context.Context, opts Options) (debugPort, error) {
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	d := debugPort{
		http: &http.Server{
			Handler:           opts.Debug,
			ReadHeaderTimeout: 5 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			BaseContext:       func(net.Listener) context.Context { return running },
		},
		end: end,
	}
	url := opts.Settings.ListenDebugURL
	switch {
	case url == "":
		return d, nil
	case opts.Debug == nil: // net/http would serve what any package registered with it
		end()
		return debugPort{}, errors.New("--listen-debug-url: this program has nothing to serve there")
	}
	var err error
	if d.listeners, err = listen(ctx, "--listen-debug-url", url); err != nil {
		end()
		return debugPort{}, err
	}
	return d, nil
}
