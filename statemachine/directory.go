package statemachine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	currentFile = "CURRENT"
	dbPrefix    = "db-"
)

// directory is a replica's directory: DB directories, and the file CURRENT
// that names the one in use. Pointing CURRENT elsewhere replaces the whole
// state in one atomic step.
type directory struct {
	path string
	// existing says that there has to be a DB.
	existing bool
}

func (d directory) db(number uint64) string {
	return filepath.Join(d.path, dbPrefix+strconv.FormatUint(number, 10))
}

// current returns the number of the DB in use, 0 when there is none yet.
func (d directory) current() (uint64, error) {
	raw, err := os.ReadFile(filepath.Join(d.path, currentFile))
	if errors.Is(err, fs.ErrNotExist) && !d.existing {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("the replica has lost its data: %w", err)
	}
	number, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(string(raw)), dbPrefix), 10, 64)
	if err != nil || number == 0 {
		return 0, fmt.Errorf("%s says %q, which is no DB directory", filepath.Join(d.path, currentFile), raw)
	}
	if _, err := os.Stat(d.db(number)); err != nil {
		return 0, fmt.Errorf("the replica has lost its data: %w", err)
	}
	return number, nil
}

// point makes CURRENT name a DB, durably and in one step. What the DB holds
// must be durable before.
func (d directory) point(number uint64) error {
	fresh := filepath.Join(d.path, currentFile+".new")
	file, err := os.Create(fresh)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s%d\n", dbPrefix, number)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, filepath.Join(d.path, currentFile)); err != nil {
		return err
	}
	return syncDir(d.path)
}

// clean deletes what a crash left behind: every DB but the current one, and a
// pointer that was not put in place.
func (d directory) clean(current uint64) error {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	keep := filepath.Base(d.db(current))
	for _, e := range entries {
		leftover := strings.HasPrefix(e.Name(), dbPrefix) && e.Name() != keep
		if leftover || e.Name() == currentFile+".new" {
			if err := os.RemoveAll(filepath.Join(d.path, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
