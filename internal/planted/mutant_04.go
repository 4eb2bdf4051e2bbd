//go:build mutant_04

package planted

// Bug is what is planted in this build.
const Bug = LeaderTrustsItself
