package workload

import (
	"context"
	"time"

	"github.com/conclavehq/conclave/benchmarks/measure"
)

// physical compares one caller's durable puts with what the disk can do at all.
func physical() Workload {
	return Workload{
		Name: "physical", Title: "one caller's puts against the disk's own fdatasync", Counted: "put", Callers: 1, Nodes: 1,
		Goals: []Goal{atLeast(extra("share_of_disk", "puts per fdatasync", ""), 0.3)},
		Note:  "The disk is measured just before, on the same file system: 4 KiB blocks written in order into a file that has its size already, each followed by fdatasync.",
		Run: func(ctx context.Context, b *Bench) error {
			syncs, err := measure.DiskSyncs(ctx, b.Dir, min(b.Duration, 3*time.Second))
			if err != nil {
				return err
			}
			if err := put(ctx, b, 1, keySpace); err != nil {
				return err
			}
			b.Extra["fdatasync_per_second"] = syncs
			b.Extra["share_of_disk"] = b.Result().Rate / syncs
			return nil
		},
	}
}
