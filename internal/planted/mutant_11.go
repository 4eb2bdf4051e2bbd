//go:build mutant_11

package planted

// Bug is what is planted in this build.
const Bug = SlowWatchDrops
