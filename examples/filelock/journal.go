package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	conclave "github.com/conclavehq/conclave/sdk"
)

// errStale says that the file has seen a newer token.
var errStale = errors.New("refused by the file")

// journal is the shared file: a counter that knows nothing of Conclave and
// compares tokens. Each write is a line that the system appends in one step,
// "token 7 count 3". It does not count when a line before it has a newer token,
// so a worker that has lost the mutex cannot change the counter, however late.
type journal string

// open shows the file a new token, "token 7", and reads the counter. From here on
// nobody with an older token can change what was read.
func (j journal) open(token conclave.Token) (count int, err error) {
	return j.add(fmt.Sprintf("token %d", token))
}

// write sets the counter, or fails with errStale.
func (j journal) write(token conclave.Token, count int) error {
	_, err := j.add(fmt.Sprintf("token %d count %d", token, count))
	return err
}

func (j journal) add(line string) (count int, err error) {
	f, err := os.OpenFile(string(j), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 0, err
	}
	_, err = f.WriteString(line + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	return j.read(line)
}

// read goes through the lines, looks whether the one just added counts, and
// returns the counter.
func (j journal) read(added string) (count int, err error) {
	f, err := os.Open(string(j))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	var newest conclave.Token
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var token conclave.Token
		var next int
		found, _ := fmt.Sscanf(lines.Text(), "token %d count %d", &token, &next)
		switch {
		case token < newest && lines.Text() == added:
			return 0, fmt.Errorf("%w: it has seen token %d", errStale, newest)
		case token < newest:
			continue
		case found == 2:
			count = next
		}
		newest = token
	}
	return count, lines.Err()
}
