package main

import (
	"os"
	"os/user"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// cardJSON is who stands behind something.
type cardJSON struct {
	Identity string            `json:"identity,omitempty"`
	Host     string            `json:"host,omitempty"`
	PID      int64             `json:"pid,omitempty"`
	Purpose  string            `json:"purpose,omitempty"`
	Since    *time.Time        `json:"since,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

func cardView(c *conclave.Card) *cardJSON {
	if c == nil {
		return nil
	}
	view := &cardJSON{Identity: c.Identity, Host: c.Host, PID: c.PID, Purpose: c.Purpose, Labels: c.Labels}
	if !c.Since.IsZero() {
		view.Since = &c.Since
	}
	return view
}

// orUser is who does something: as given, else the user at this host.
func orUser(actor string) string {
	if actor != "" {
		return actor
	}
	u, err := user.Current()
	if err != nil {
		return ""
	}
	if host, err := os.Hostname(); err == nil {
		return u.Username + "@" + host
	}
	return u.Username
}
