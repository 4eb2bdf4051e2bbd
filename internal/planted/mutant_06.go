//go:build mutant_06

package planted

// Bug is what is planted in this build.
const Bug = StaleEpochCounts
