// Package gozero runs a program in the wild against Conclave: the service discovery
// of go-zero, with the etcd client that it is released with (program/go.mod).
package gozero
