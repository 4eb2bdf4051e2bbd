//go:build mutant_26

package planted

// Bug is what is planted in this build.
const Bug = ReadGoesBack
