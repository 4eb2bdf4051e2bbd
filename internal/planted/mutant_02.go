//go:build mutant_02

package planted

// Bug is what is planted in this build.
const Bug = AppliedIndexApart
