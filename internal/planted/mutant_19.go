//go:build mutant_19

package planted

// Bug is what is planted in this build.
const Bug = AckAnyReceipt
