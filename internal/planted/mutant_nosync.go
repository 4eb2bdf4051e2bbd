//go:build mutant_nosync

package planted

// Bug is what is planted in this build.
const Bug = NoSync
