//go:build linux

package disk

func removeBinary() {}
