//go:build mutant_05

package planted

// Bug is what is planted in this build.
const Bug = DeadWaiterGranted
