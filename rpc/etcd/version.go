package etcd

// Clients look at the server's version to find out what it can do, so it is that
// of the etcd whose API is served, not Conclave's own.
const (
	// Version is the release of etcd that this surface is like.
	Version = "3.7.3"
	// clusterVersion is what all members agree on, and what the stored state is of,
	// in etcd's terms.
	clusterVersion = "3.7.0"
	// minorVersion is how answers about downgrades have it.
	minorVersion = "3.7"
)

// Versions is what etcd's /version tells.
func Versions() map[string]string {
	return map[string]string{
		"etcdserver":  Version,
		"etcdcluster": clusterVersion,
		"storage":     clusterVersion,
	}
}
