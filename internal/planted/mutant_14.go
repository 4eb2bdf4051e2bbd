//go:build mutant_14

package planted

// Bug is what is planted in this build.
const Bug = CompareBeforeApply
