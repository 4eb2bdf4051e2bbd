//go:build mutant_01

package planted

// Bug is what is planted in this build.
const Bug = AckBeforeFsync
