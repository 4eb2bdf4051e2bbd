//go:build mutant_10

package planted

// Bug is what is planted in this build.
const Bug = WatchSkipsOnReconnect
