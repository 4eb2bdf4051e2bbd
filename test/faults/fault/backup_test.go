package fault

import (
	"errors"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A snapshot counts when its revision could be read: else another one is saved. Any
// error but that it is compacted is told.
func TestOriginal(t *testing.T) {
	later, failed := time.Now().Add(time.Minute), errors.New("no")
	saves, reads := 0, 0
	save := func() (conclave.Revision, error) {
		if saves++; saves == 1 {
			return 0, conclave.ErrCompacted
		}
		return conclave.Revision(saves), nil
	}
	read := func(at conclave.Revision) (map[string]string, error) {
		if reads++; at < 4 {
			return nil, conclave.ErrCompacted
		}
		return map[string]string{"k": "v"}, nil
	}
	want, err := original(later, save, read)
	if err != nil || want["k"] != "v" || saves != 4 || reads != 3 {
		t.Errorf("%v, %v after %d snapshots and %d reads", want, err, saves, reads)
	}
	for name, fails := range map[string]func() error{
		"saving": func() error {
			_, err := original(later, func() (conclave.Revision, error) { return 0, failed }, read)
			return err
		},
		"reading": func() error {
			_, err := original(later, save, func(conclave.Revision) (map[string]string, error) { return nil, failed })
			return err
		},
	} {
		if err := fails(); !errors.Is(err, failed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := original(time.Now(), save, read); !IsNothing(err) {
		t.Errorf("without time: %v", err)
	}
}

func TestDiffers(t *testing.T) {
	want := map[string]string{"a": "1", "b": "2"}
	if wrong := differs(want, map[string]string{"a": "1", "b": "2"}); wrong != "" {
		t.Error(wrong)
	}
	for _, got := range []map[string]string{{"a": "1"}, {"a": "1", "b": "3"}, {"a": "1", "b": "2", "c": ""}, nil} {
		if differs(want, got) == "" {
			t.Errorf("%v is like %v", got, want)
		}
	}
}
