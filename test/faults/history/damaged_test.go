package history

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What cannot be read is told in a sentence for people, and what can be is returned.
func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		w.Add(Record{Client: int32(i), Value: strings.Repeat("x", i)})
	}
	if err = w.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := map[string]string{
		string(whole[:len(whole)-9]):   "was cut short after",
		string(whole[:5]):              "is not a history",
		"spec: this is another file\n": "is not a history",
	}
	for at := 10; at < len(whole); at += 397 { // one byte each, also where the decoder takes it for the end
		damaged := bytes.Clone(whole)
		damaged[at] ^= 0xff
		broken[string(damaged)] = "damaged"
	}
	for text, says := range broken {
		if err = os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(path)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), ": ") {
			t.Errorf("got %q, want one sentence about what %s", err, says)
		}
	}
	var missing *fs.PathError
	if _, err = Read(path + "-missing"); !errors.As(err, &missing) {
		t.Errorf("no file: %v", err)
	}
}

// A disk that is full is told once, however many writes it has failed.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no device that is always full: ", err)
	}
	w, err := newWriter(full)
	if err != nil {
		t.Fatal(err)
	}
	w.Add(Record{Key: "a"})
	err = w.Close()
	if !errors.Is(err, syscall.ENOSPC) || strings.Count(err.Error(), "no space") != 1 {
		t.Errorf("got %q", err)
	}
}
