//go:build linux && !amd64

package wallclock

import (
	"fmt"
	"runtime"
)

// There is no code for other machines.
const (
	stub   = ""
	slotAt = 0
)

// Supported says why clocks cannot be taken over here.
func Supported() error {
	return fmt.Errorf("wallclock: there is machine code for linux/amd64 only, and this is %s/%s", runtime.GOOS, runtime.GOARCH)
}
