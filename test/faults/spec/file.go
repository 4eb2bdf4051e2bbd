package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/conclavehq/conclave/test/faults/fault"
)

// Read reads a spec from a file.
func Read(path string) (Spec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Spec{}, err
	}
	var s Spec
	if err = Decode(text, &s); err == nil && s.Fault == "" {
		err = fmt.Errorf("it names no fault; a run without any says %q", None)
	}
	if err != nil {
		return Spec{}, fmt.Errorf("%s: %w", path, err)
	}
	if s, err = s.Complete(); err != nil {
		return Spec{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// ReadSchedule reads the schedule of a run from a file.
func ReadSchedule(path string) ([]Injection, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var schedule []Injection
	if err = Decode(text, &schedule); err == nil && schedule == nil {
		err = errors.New("it has no schedule; that of a run without injections is []")
	}
	for i, injection := range schedule {
		if _, ok := fault.Find(injection.Fault); !ok && err == nil {
			err = fmt.Errorf("there is no fault %q, which is that of injection %d", injection.Fault, i)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return schedule, nil
}

// Decode reads the YAML of a spec, a schedule or a result. Unlike yaml.Unmarshal it
// refuses keys that it does not know: what is misspelt would be left out without a
// word.
func Decode(text []byte, to any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	err := decoder.Decode(to)
	if errors.Is(err, io.EOF) {
		return nil // a file without anything
	}
	return plain(err)
}

// Write writes a spec or a schedule to a file.
func Write(path string, what any) error {
	text, err := yaml.Marshal(what)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
