//go:build mutant_07

package planted

// Bug is what is planted in this build.
const Bug = WallClockLeases
