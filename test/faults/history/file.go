package history

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// Writer puts records into a file. It may be used by many goroutines at a time. The
// zero value has no file: [Create] makes one.
type Writer struct {
	began time.Time

	mu      sync.Mutex // protects what follows
	file    *os.File
	zip     *gzip.Writer
	buffer  *bufio.Writer
	encoder *gob.Encoder
	err     error
	count   int64
}

// Create makes a history file, which must not exist. The run begins now.
func Create(path string) (*Writer, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return newWriter(file)
}

func newWriter(file *os.File) (*Writer, error) {
	zip, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	w := &Writer{began: time.Now(), file: file, zip: zip}
	w.buffer = bufio.NewWriterSize(zip, 1<<20)
	w.encoder = gob.NewEncoder(w.buffer)
	return w, nil
}

// Now is the time since the run began.
func (w *Writer) Now() time.Duration { return time.Since(w.began) }

// Add appends a record. An error of the disk is told by [Writer.Close].
func (w *Writer) Add(r Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.count++
		w.err = w.encoder.Encode(&r)
	}
}

// Count is how many records were added.
func (w *Writer) Count() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Close completes the file. Records that are added later are lost. The error is the
// first one of the disk; those that follow from it are not told.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := w.err
	for _, err := range []error{w.buffer.Flush(), w.zip.Close(), w.file.Close()} {
		if first == nil {
			first = err
		}
	}
	w.err = errors.New("the history is closed")
	return first
}

// Read returns all records of a file, in the order in which they were added, which
// is about that of their ends. A file that was cut short gives an error and the
// records before it.
func Read(path string) ([]Record, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	zip, err := gzip.NewReader(file)
	if err != nil {
		return nil, unreadable(path, 0, err)
	}
	var records []Record
	text := bufio.NewReaderSize(zip, 1<<20)
	decoder := gob.NewDecoder(text)
	for {
		var r Record
		err := decoder.Decode(&r)
		if errors.Is(err, io.EOF) {
			// Of a damaged record the decoder may say EOF, too: then more follows.
			if _, err = text.ReadByte(); errors.Is(err, io.EOF) {
				return records, nil
			}
			err = cmp.Or(err, errDamaged)
		}
		if err != nil {
			return records, unreadable(path, len(records), err)
		}
		records = append(records, r)
	}
}

var errDamaged = errors.New("a record is damaged")

// unreadable says what is wrong with a file, so many records of which are sound. What
// the decoder says of it is about bytes, and tells nobody more.
func unreadable(path string, sound int, err error) error {
	var disk *fs.PathError
	switch {
	case errors.As(err, &disk):
		return err
	case sound == 0:
		return fmt.Errorf("%s is not a history, or it is damaged from its begin on", path)
	}
	return fmt.Errorf("%s is damaged or was cut short after %d records", path, sound)
}
