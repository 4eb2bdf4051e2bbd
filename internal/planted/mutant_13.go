//go:build mutant_13

package planted

// Bug is what is planted in this build.
const Bug = ProgressBeforeEvents
