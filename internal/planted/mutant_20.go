//go:build mutant_20

package planted

// Bug is what is planted in this build.
const Bug = ExpiryGrantsTwo
