package workload

// All are the workloads in the order in which they are shown.
func All() []Workload {
	var all []Workload
	for _, some := range [][]Workload{
		puts(1), gets(), mixed(), transactions(), mutexes(), elections(), queues(), leases(), watches(),
		puts(3), etcdClients(), {physical(), idle(), growth(), manySessions()},
	} {
		all = append(all, some...)
	}
	return all
}
