//go:build mutant_15

package planted

// Bug is what is planted in this build.
const Bug = RetryWithoutID
