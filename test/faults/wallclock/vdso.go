//go:build linux

package wallclock

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"strings"
)

// function is what a Go program calls to read a clock.
const function = "__vdso_clock_gettime"

// place is where a function is in a process.
type place struct{ address, size int64 }

// findFunction looks the function up in the vDSO of a process.
func findFunction(pid int) (place, error) {
	from, to, err := mapping(pid)
	if err != nil {
		return place{}, err
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return place{}, err
	}
	defer func() { _ = memory.Close() }()
	image := make([]byte, to-from)
	if _, err := memory.ReadAt(image, from); err != nil {
		return place{}, fmt.Errorf("cannot read the vDSO: %w", err)
	}
	file, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return place{}, fmt.Errorf("the vDSO: %w", err)
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return place{}, fmt.Errorf("the vDSO: %w", err)
	}
	for _, s := range symbols {
		if s.Name == function && int64(s.Value) < to-from {
			return place{address: from + int64(s.Value), size: int64(s.Size)}, nil
		}
	}
	return place{}, fmt.Errorf("the vDSO has no %s", function)
}

var errNoVDSO = errors.New("it has no vDSO")

// mapping is where the vDSO is.
func mapping(pid int) (from, to int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
			return 0, 0, fmt.Errorf("cannot understand %q: %w", line, err)
		}
		return from, to, nil
	}
	return 0, 0, errNoVDSO
}
