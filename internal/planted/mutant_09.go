//go:build mutant_09

package planted

// Bug is what is planted in this build.
const Bug = LocalTokens
