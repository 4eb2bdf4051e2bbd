//go:build mutant_18

package planted

// Bug is what is planted in this build.
const Bug = RecoveryTellsNobody
