// Command etcd is etcd 3.7.3 as its own release has it: the same entry point,
// built from the version that this module pins.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
