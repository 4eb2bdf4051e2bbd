//go:build mutant_12

package planted

// Bug is what is planted in this build.
const Bug = CompactionEatsDelete
