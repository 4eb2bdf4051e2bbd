//go:build linux

package system

import (
	"os"
	"testing"
)

func TestOwnUsage(t *testing.T) {
	u, err := ProcessUsage(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if u.Resident < 1<<20 || u.Peak < u.Resident || u.Wakeups == 0 {
		t.Errorf("got %+v", u)
	}
}
