//go:build mutant_03

package planted

// Bug is what is planted in this build.
const Bug = FollowerReadsLocally
