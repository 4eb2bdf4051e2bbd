package config

import "testing"

// How much has to stay free, on disks of all sizes.
func TestLeastRoom(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for _, c := range []struct {
		setting     string
		total, want int64
	}{
		{"auto", 0, 0},
		{"auto", 160 * mib, 40 * mib},
		{"auto", 1 * gib, 256 * mib},
		{"auto", 10 * gib, 512 * mib},
		{"auto", 1000 * gib, gib},
		{"10%", 1000 * mib, 100 * mib},
		{"1", gib, 1},
		{"3KiB", gib, 3 << 10},
		{"512MiB", gib, 512 * mib},
		{"2 GiB", gib, 2 * gib},
		{"1TiB", gib, 1 << 40},
	} {
		s, err := load(t, nil, "--min-free-space", c.setting)
		if err != nil {
			t.Errorf("%s: %v", c.setting, err)
			continue
		}
		if got := s.LeastRoom()(c.total); got != c.want {
			t.Errorf("%s of %d bytes: %d, want %d", c.setting, c.total, got, c.want)
		}
	}
	if s, err := load(t, nil, "--min-free-space", "0"); err != nil || s.LeastRoom() != nil {
		t.Errorf("0 is not off: %v", err)
	}
}
