//go:build mutant_23

package planted

// Bug is what is planted in this build.
const Bug = TermReused
