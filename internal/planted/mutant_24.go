//go:build mutant_24

package planted

// Bug is what is planted in this build.
const Bug = DeadInstanceListed
