package history

import (
	"bufio"
	"compress/gzip"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
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

// Close completes the file. Records that are added later are lost.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := errors.Join(w.err, w.buffer.Flush(), w.zip.Close(), w.file.Close())
	w.err = errors.New("the history is closed")
	return err
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
		return nil, fmt.Errorf("%s is not a history: %w", path, err)
	}
	var records []Record
	decoder := gob.NewDecoder(bufio.NewReaderSize(zip, 1<<20))
	for {
		var r Record
		switch err := decoder.Decode(&r); {
		case errors.Is(err, io.EOF):
			return records, nil
		case err != nil:
			return records, fmt.Errorf("%s, record %d: %w", path, len(records), err)
		}
		records = append(records, r)
	}
}
