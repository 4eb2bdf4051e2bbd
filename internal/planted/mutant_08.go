//go:build mutant_08

package planted

// Bug is what is planted in this build.
const Bug = ClockRestarts
