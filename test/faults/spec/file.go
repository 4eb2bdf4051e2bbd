package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
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
	return s.Complete()
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
	return err
}

// Write writes a spec or a schedule to a file.
func Write(path string, what any) error {
	text, err := yaml.Marshal(what)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
