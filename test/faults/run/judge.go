package run

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/conclavehq/conclave/test/faults/check"
	"github.com/conclavehq/conclave/test/faults/history"
	"github.com/conclavehq/conclave/test/faults/report"
)

// judge has the checkers look at the run, and keeps what they say.
func (r *run) judge(failed error) (*report.Result, error) {
	result := &report.Result{
		Spec: r.spec, Commit: r.opt.Commit, Binary: digest(r.opt.Binary), Go: runtime.Version(), Kernel: kernel(),
		Began: r.began.UTC().Truncate(time.Second), ByFault: r.done, Vain: r.vain,
	}
	for _, n := range r.done {
		result.Injections += n
	}
	result.Took = time.Since(r.began).Round(time.Millisecond)
	if errors.Is(failed, errInterrupted) {
		result.Interrupt()
		return result, result.Write(filepath.Join(r.opt.Out, ResultFile))
	}
	return result, Judge(r.opt.Out, result, failed)
}

// Judge has the checkers look at the history in a run's directory and writes the
// result there. It is how an old run is judged again after a checker has changed. When
// the history cannot be read, the result says so, and so does the error. A run that was
// interrupted stays as it is.
func Judge(dir string, result *report.Result, failed error) error {
	if result.Verdict == report.Interrupted {
		return nil
	}
	records, err := history.Read(filepath.Join(dir, HistoryFile))
	if err != nil {
		result.Unreadable(err)
		return errors.Join(err, result.Write(filepath.Join(dir, ResultFile)))
	}
	found := check.Run(records, check.Options{})
	result.Judge(found, acknowledged(records), failed)
	return result.Write(filepath.Join(dir, ResultFile))
}

// acknowledged counts, by workload, the calls that were answered with yes and the
// events that were told. That a watch was asked for or that a hold ended is neither,
// nor is what the log of a namespace tells, which runs in any case.
func acknowledged(records []history.Record) map[history.Workload]int64 {
	count := map[history.Workload]int64{}
	logs := map[int32]bool{} // by watcher
	for i := range records {
		r := &records[i]
		switch r.Kind {
		case history.WatchOpened:
			logs[r.Watcher] = logs[r.Watcher] || r.Truth
			continue
		case history.WatchEnded, history.HoldLost, history.TermLost, history.ClaimLost, history.OutsideWrite:
			continue
		case history.WatchEvent, history.WatchProgress:
			if logs[r.Watcher] {
				continue
			}
		}
		if r.Outcome == history.OK {
			count[r.Workload]++
		}
	}
	return count
}

func digest(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	sum := sha256.New()
	if _, err = io.Copy(sum, file); err != nil {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}

func kernel() string {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return ""
	}
	var text strings.Builder
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		_, _ = fmt.Fprintf(&text, "%c", byte(c))
	}
	return text.String()
}
