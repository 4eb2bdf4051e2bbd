package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// What "auto" is between, on disks that are not small.
const (
	autoLeast = 256 << 20
	autoMost  = 1 << 30
)

// units are what sizes are given in.
var units = []struct {
	name string
	size int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"", 1}}

// LeastRoom tells how many bytes have to stay free on a disk of a size; nil when
// nobody looks.
func (s *Server) LeastRoom() func(total int64) int64 {
	least, err := leastRoom(s.MinFreeSpace)
	if err != nil {
		return nil // Validate says so
	}
	return least
}

func leastRoom(setting string) (func(total int64) int64, error) {
	switch {
	case setting == "auto":
		return func(total int64) int64 {
			return min(max(autoLeast, min(total/20, autoMost)), total/4)
		}, nil
	case setting == "0":
		return nil, nil
	}
	if number, ok := strings.CutSuffix(setting, "%"); ok {
		percent, err := strconv.ParseInt(number, 10, 64)
		if err != nil || percent < 1 || percent > 50 {
			return nil, fmt.Errorf("--min-free-space %s: give 1%% to 50%%", setting)
		}
		return func(total int64) int64 { return total / 100 * percent }, nil
	}
	for _, unit := range units {
		number, ok := strings.CutSuffix(setting, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 1 || n > math.MaxInt64/unit.size {
			break
		}
		return func(int64) int64 { return n * unit.size }, nil
	}
	return nil, fmt.Errorf("--min-free-space %q: give a size such as 512MiB, a part such as 10%%, auto, or 0 not to look", setting)
}
