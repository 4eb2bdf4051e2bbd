//go:build mutant_22

package planted

// Bug is what is planted in this build.
const Bug = DeleteRangeLosesPrevious
