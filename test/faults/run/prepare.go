package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/conclavehq/conclave/test/faults/spec"
)

// Fresh says that a directory has files of another run, which a run in it would spoil.
func Fresh(dir string) error {
	for _, name := range []string{SpecFile, ScheduleFile, HistoryFile, ResultFile} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%s has the %s of another run; a run needs a directory to itself", dir, name)
		}
	}
	return nil
}

// prepare makes the directories of a run, with what is known before it begins. It writes
// nothing when they are those of another run.
func prepare(s spec.Spec, opt Options) error {
	if err := Fresh(opt.Out); err != nil {
		return err
	}
	if left, err := os.ReadDir(opt.Work); err == nil && len(left) > 0 {
		return fmt.Errorf("%s has the data of another run, on which no cluster can begin", opt.Work)
	}
	for _, dir := range []string{opt.Out, opt.Work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return errors.Join(
		spec.Write(filepath.Join(opt.Out, SpecFile), s),
		spec.Write(filepath.Join(opt.Out, ScheduleFile), opt.Schedule))
}
