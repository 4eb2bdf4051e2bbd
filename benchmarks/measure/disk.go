package measure

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	diskBlock = 4 << 10
	diskFile  = 16 << 20
)

// DiskSyncs counts how often per second the disk of a directory makes a block
// durable that is written into a file of fixed size: the least that any durable
// write has to wait for.
func DiskSyncs(ctx context.Context, dir string, d time.Duration) (float64, error) {
	f, err := os.CreateTemp(dir, "syncs-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, diskFile)); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}

	block := make([]byte, diskBlock)
	count, began := int64(0), time.Now()
	for time.Since(began) < d && ctx.Err() == nil {
		block[0]++
		if _, err := f.WriteAt(block, count*diskBlock%diskFile); err != nil {
			return 0, err
		}
		if err := dataSync(f); err != nil {
			return 0, fmt.Errorf("syncing %s: %w", filepath.Base(f.Name()), err)
		}
		count++
	}
	return float64(count) / time.Since(began).Seconds(), ctx.Err()
}
