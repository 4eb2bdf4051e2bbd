//go:build mutant_16

package planted

// Bug is what is planted in this build.
const Bug = RetriesApplyAgain
