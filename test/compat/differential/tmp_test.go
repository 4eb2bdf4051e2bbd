package differential

import (
	"flag"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

var noWatch = flag.Bool("nowatch", false, "")

func dropWatches(s script) script {
	if !*noWatch {
		return s
	}
	s.streams = 0
	var ops []operation
	for _, o := range s.operations {
		if _, ok := o.request.(*pb.WatchRequest); ok || o.expires {
			continue
		}
		ops = append(ops, o)
	}
	return s.with(ops)
}
