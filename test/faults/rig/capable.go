//go:build linux

package rig

import (
	"errors"
	"fmt"
	"os/exec"

	"github.com/conclavehq/conclave/test/faults/disk"
	"github.com/conclavehq/conclave/test/faults/rig/link"
)

// Capability is something that a machine needs for some of the faults.
type Capability string

// What a machine may be capable of.
const (
	// Networks: nodes in namespaces, which every cluster needs.
	Networks Capability = "networks"
	// Disks: a file system for each node.
	Disks Capability = "disks"
	// Tracing: errors of single system calls.
	Tracing Capability = "tracing"
	// Limits: less processor time or memory for one node.
	Limits Capability = "limits"
)

// Capable says what this machine lacks for some capabilities, by default for
// Networks, or nil.
func Capable(needs ...Capability) error {
	if len(needs) == 0 {
		needs = []Capability{Networks}
	}
	var errs []error
	for _, need := range needs {
		if err := capable(need); err != nil {
			errs = append(errs, fmt.Errorf("no %s: %w", need, err))
		}
	}
	return errors.Join(errs...)
}

func capable(need Capability) error {
	switch need {
	case Networks:
		return link.Capable()
	case Disks:
		return disk.Supported()
	case Tracing:
		_, err := exec.LookPath("strace")
		return err
	case Limits:
		var errs []error
		for _, controller := range controllers {
			_, err := parentGroup(controller)
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("there is no such capability")
}
