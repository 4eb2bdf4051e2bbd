package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/internal/version"
)

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			platform := runtime.GOOS + "/" + runtime.GOARCH
			return a.printOne(
				map[string]string{"version": version.Version, "go": runtime.Version(), "platform": platform},
				fmt.Sprintf("conclave %s (%s, %s)", version.Version, runtime.Version(), platform),
				[]string{"VERSION", "GO", "PLATFORM"}, version.Version, runtime.Version(), platform)
		},
	}
}
