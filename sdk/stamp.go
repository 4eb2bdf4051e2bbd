package conclave

import "time"

// stamp is a moment of this process: by the monotonic clock, which stands still
// while the machine is suspended, and by the boot clock, which does not. The
// wall clock plays no part.
type stamp struct {
	monotonic time.Time
	boot      time.Duration // 0: this system has no such clock
}

func now() stamp {
	return stamp{monotonic: time.Now(), boot: sinceBoot()}
}

// age is how long ago the moment was, by the clock that says longer.
func (s stamp) age() time.Duration {
	age := time.Since(s.monotonic)
	if s.boot != 0 {
		age = max(age, sinceBoot()-s.boot)
	}
	return age
}
