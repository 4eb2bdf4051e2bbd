package report

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/conclavehq/conclave/benchmarks/measure"
	"github.com/conclavehq/conclave/benchmarks/system"
)

// About describes this machine and the programs. dir is where the data was. What
// cannot be found out is left out.
func About(ctx context.Context, dir string) Run {
	machine := []string{fmt.Sprintf("%d cores of %s", runtime.NumCPU(), processor())}
	if kib := field("/proc/meminfo", "MemTotal"); kib != "" {
		var n float64
		if _, err := fmt.Sscan(kib, &n); err == nil {
			machine = append(machine, fmt.Sprintf("%.0f GiB of memory", n/(1<<20)))
		}
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		machine = append(machine, runtime.GOOS+" "+strings.TrimSpace(string(release)))
	}
	if out, err := exec.CommandContext(ctx, "df", "--output=fstype", dir).Output(); err == nil {
		if lines := strings.Fields(string(out)); len(lines) > 0 {
			machine = append(machine, "data on "+lines[len(lines)-1])
		}
	}
	if syncs, err := measure.DiskSyncs(ctx, dir, time.Second); err == nil {
		machine = append(machine, fmt.Sprintf("%.0f fdatasync/s", syncs))
	}
	return Run{
		Date:    time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Machine: strings.Join(machine, ", "),
		Versions: map[string]string{
			system.Etcd{}.Name():     system.Etcd{}.Version(),
			system.Conclave{}.Name(): commit(ctx),
			"Go":                     strings.TrimPrefix(runtime.Version(), "go"),
		},
	}
}

// commit names the revision of this repository that was built.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--tags").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func processor() string {
	if name := field("/proc/cpuinfo", "model name"); name != "" {
		return name
	}
	return runtime.GOARCH
}

// field is the value of the first line "name : value".
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
