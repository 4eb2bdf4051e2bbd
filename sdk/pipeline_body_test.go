package conclave

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

func envelope(data string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(data))), data...)
}

// A message that was written in two parts is read in one, as far as the buffer
// goes, and two messages never are.
func TestWholeBody(t *testing.T) {
	in, out := io.Pipe()
	go func() {
		for _, data := range []string{"hello", "", "a long one"} {
			message := envelope(data)
			_, _ = out.Write(message[:envelopeBytes])
			_, _ = out.Write(message[envelopeBytes:])
		}
		_ = out.Close()
	}()
	body := &wholeBody{ReadCloser: in}
	buffer := make([]byte, 12)
	for _, want := range [][]byte{envelope("hello"), envelope(""), envelope("a long one")[:12], []byte("one")} {
		n, err := body.Read(buffer)
		if err != nil || !bytes.Equal(buffer[:n], want) {
			t.Errorf("read %q, %v, want %q", buffer[:n], err, want)
		}
	}
	if n, err := body.Read(buffer); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

// A stream that ends within a message is not taken for one that ended.
func TestWholeBodyCutShort(t *testing.T) {
	for _, cut := range []int{2, 7} {
		body := &wholeBody{ReadCloser: io.NopCloser(bytes.NewReader(envelope("hello")[:cut]))}
		if _, err := io.ReadAll(body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after %d bytes: %v", cut, err)
		}
	}
}
