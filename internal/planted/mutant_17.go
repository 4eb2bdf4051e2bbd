//go:build mutant_17

package planted

// Bug is what is planted in this build.
const Bug = SnapshotWithoutLeases
