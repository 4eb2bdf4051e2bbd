//go:build mutant_21

package planted

// Bug is what is planted in this build.
const Bug = NamespaceLeavesKeys
