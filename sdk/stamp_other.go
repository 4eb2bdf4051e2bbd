//go:build !linux

package conclave

import "time"

// sinceBoot has no portable source.
func sinceBoot() time.Duration { return 0 }
