//go:build linux

package rig

import (
	"bytes"
	"io"
	"os"
	"strings"
)

// logTail is how much of a log is looked at.
const logTail = 256 << 10

// LogPath is the file with what all lives of the node logged.
func (n *Node) LogPath() string { return n.logPath }

// LastLog is the last lines, at most count, that the node has logged, in this life or
// an earlier one. There are none if the log cannot be read.
func (n *Node) LastLog(count int) []string {
	file, err := os.Open(n.logPath)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }()
	if end, err := file.Seek(0, io.SeekEnd); err == nil {
		_, err = file.Seek(max(0, end-logTail), io.SeekStart)
		if err != nil {
			return nil
		}
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	return lines[max(0, len(lines)-count):]
}

// lastLog tells the last lines in the words of an error.
func (n *Node) lastLog(count int) string {
	lines := n.LastLog(count)
	if len(lines) == 0 {
		return "it logged nothing"
	}
	return "its log ends with:\n" + strings.Join(lines, "\n")
}
