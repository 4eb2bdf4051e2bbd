// Package version says which program this is.
package version

// Version is the program's version. A release build sets it with
// -ldflags '-X github.com/conclavehq/conclave/internal/version.Version=v1.2.3'.
var Version = "0.1.0-dev"
