// Package config reads a server's settings from flags, environment variables
// or a YAML file, with etcd's names and etcd's precedence: a flag wins over its
// CONCLAVE_ variable, that over the default; and when a file is given, the file
// alone counts.
package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Server is what `conclave server` needs to know. Default fills it; Validate
// refuses what cannot work, with one sentence.
type Server struct {
	// Name is the node's name inside the cluster. Default "default".
	Name string `koanf:"name"`
	// DataDir is where the node keeps everything. Default NAME.conclave.
	DataDir string `koanf:"data-dir"`

	// ListenClientURLs are where the API is served, comma-separated. An http
	// URL without a host part listens on all addresses.
	ListenClientURLs string `koanf:"listen-client-urls"`
	// AdvertiseClientURLs are what clients are told. Default: the listen URLs.
	AdvertiseClientURLs string `koanf:"advertise-client-urls"`
	// ListenEtcdURLs are where etcd's API is served as etcd serves it; empty:
	// nowhere but on the client port, which serves it too. Default
	// http://127.0.0.1:2379 if ListenClientURLs are not given either.
	ListenEtcdURLs string `koanf:"listen-etcd-urls"`
	// EtcdNamespace is the namespace that etcd's API shows.
	EtcdNamespace string `koanf:"etcd-namespace"`
	// ListenPeerURLs is where the other nodes connect; one URL.
	ListenPeerURLs string `koanf:"listen-peer-urls"`
	// InitialAdvertisePeerURLs is what the other nodes are told. Default: the
	// listen URL.
	InitialAdvertisePeerURLs string `koanf:"initial-advertise-peer-urls"`
	// ListenDebugURL is where profiles of the process are served; one URL of the
	// loopback interface, because nobody is asked who they are. Default: nowhere.
	ListenDebugURL string `koanf:"listen-debug-url"`

	// InitialCluster lists all nodes as NAME=URL,… with their peer URLs.
	// Default: this node alone.
	InitialCluster string `koanf:"initial-cluster"`
	// InitialClusterState is "new", or "existing" for a node that replaces one.
	InitialClusterState string `koanf:"initial-cluster-state"`
	// InitialClusterToken tells clusters apart that are made of the same names.
	InitialClusterToken string `koanf:"initial-cluster-token"`
	// DataShards is how many shards carry namespaces; fixed when the cluster
	// is made. Default 2, at most 16.
	DataShards int `koanf:"data-shards"`

	// HeartbeatInterval is the time between heartbeats in milliseconds.
	HeartbeatInterval int `koanf:"heartbeat-interval"`
	// ElectionTimeout is the time without a leader after which a node stands
	// for election, in milliseconds; at least 10 heartbeats.
	ElectionTimeout int `koanf:"election-timeout"`
	// SnapshotCount is the number of log entries after which a shard's log is
	// compacted.
	SnapshotCount uint64 `koanf:"snapshot-count"`

	// MinFreeSpace is how much of the data directory's disk has to stay free: a
	// number of bytes ("512MiB"), a part of the disk ("10%"), "auto" or, not to look,
	// "0". With less on any node the cluster refuses what makes its state larger.
	// "auto" is 5 %, at least 256 MiB and at most 1 GiB, and never more than a quarter.
	MinFreeSpace string `koanf:"min-free-space"`

	// LogLevel is debug, info, warn or error.
	LogLevel string `koanf:"log-level"`
	// LogFormat is json, console or auto (console on a terminal).
	LogFormat string `koanf:"log-format"`
}

// Default returns the settings of a complete single node.
func Default() Server {
	return Server{
		Name:                "default",
		ListenClientURLs:    "http://127.0.0.1:7400",
		ListenEtcdURLs:      "http://127.0.0.1:2379",
		EtcdNamespace:       "default",
		ListenPeerURLs:      "http://127.0.0.1:7401",
		InitialClusterState: "new",
		InitialClusterToken: "conclave-cluster",
		DataShards:          2,
		HeartbeatInterval:   60,
		ElectionTimeout:     600,
		SnapshotCount:       20_000,
		MinFreeSpace:        "auto",
		LogLevel:            "info",
		LogFormat:           "auto",
	}
}

// fill derives what was left open from what was given.
func (s *Server) fill() {
	if s.DataDir == "" {
		s.DataDir = s.Name + ".conclave"
	}
	if s.AdvertiseClientURLs == "" {
		s.AdvertiseClientURLs = s.ListenClientURLs
	}
	if s.InitialAdvertisePeerURLs == "" {
		s.InitialAdvertisePeerURLs = s.ListenPeerURLs
	}
	if s.InitialCluster == "" {
		s.InitialCluster = s.Name + "=" + s.InitialAdvertisePeerURLs
	}
}

var namespaceName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

var nodeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Validate fills what is derived and refuses what cannot work.
func (s *Server) Validate() error {
	if !nodeName.MatchString(s.Name) {
		return fmt.Errorf("--name %q: a name has 1 to 63 letters, digits, dots, dashes or underscores and starts with a letter or digit", s.Name)
	}
	s.fill()
	for _, check := range []func() error{s.checkURLs, s.checkDebugURL, s.checkCluster, s.checkNumbers, s.checkWords} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) checkURLs() error {
	for _, list := range []struct {
		flag, value string
		one         bool
	}{
		{"--listen-client-urls", s.ListenClientURLs, false},
		{"--advertise-client-urls", s.AdvertiseClientURLs, false},
		{"--listen-peer-urls", s.ListenPeerURLs, true},
		{"--initial-advertise-peer-urls", s.InitialAdvertisePeerURLs, true},
	} {
		addresses, err := Addresses(list.value)
		if err != nil {
			return fmt.Errorf("%s: %w", list.flag, err)
		}
		if list.one && len(addresses) != 1 {
			return fmt.Errorf("%s: give exactly one URL, not %d", list.flag, len(addresses))
		}
	}
	return s.checkEtcd()
}

func (s *Server) checkEtcd() error {
	if s.ListenEtcdURLs != "" {
		if _, err := Addresses(s.ListenEtcdURLs); err != nil {
			return fmt.Errorf("--listen-etcd-urls: %w", err)
		}
	}
	if !namespaceName.MatchString(s.EtcdNamespace) {
		return fmt.Errorf("--etcd-namespace %q: name the namespace that etcd's API shows, such as default: 1 to 64 of a-z, 0-9, dots, dashes and underscores", s.EtcdNamespace)
	}
	return nil
}

// checkDebugURL wants the address in numbers: a name means what the machine's
// files and name servers say.
func (s *Server) checkDebugURL() error {
	if s.ListenDebugURL == "" {
		return nil
	}
	addresses, err := Addresses(s.ListenDebugURL)
	if err != nil {
		return fmt.Errorf("--listen-debug-url: %w", err)
	}
	if len(addresses) != 1 {
		return fmt.Errorf("--listen-debug-url: give exactly one URL, not %d", len(addresses))
	}
	host, _, err := net.SplitHostPort(addresses[0])
	if err != nil {
		return fmt.Errorf("--listen-debug-url: %w", err)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return fmt.Errorf("--listen-debug-url %s: give a loopback address in numbers, such as http://127.0.0.1:7402, because whoever reaches this port sees into the process without a password; from elsewhere, go there through an SSH tunnel", s.ListenDebugURL)
	}
	return nil
}

func (s *Server) checkCluster() error {
	members, err := s.Members()
	if err != nil {
		return err
	}
	self := slices.IndexFunc(members, func(m Member) bool { return m.Name == s.Name })
	if self < 0 {
		return fmt.Errorf("--initial-cluster does not list this node: add %s=%s, or give the --name that it lists", s.Name, s.InitialAdvertisePeerURLs)
	}
	advertised, err := Addresses(s.InitialAdvertisePeerURLs)
	if err != nil {
		return err
	}
	if members[self].Address != advertised[0] {
		return fmt.Errorf("--initial-cluster lists this node at %s, but --initial-advertise-peer-urls is %s: make them equal", members[self].Address, s.InitialAdvertisePeerURLs)
	}
	if s.InitialClusterToken == "" {
		return fmt.Errorf("--initial-cluster-token is empty: give any word that names this cluster")
	}
	return nil
}

func (s *Server) checkNumbers() error {
	switch {
	case s.DataShards < 1 || s.DataShards > 16:
		return fmt.Errorf("--data-shards %d: give 1 to 16", s.DataShards)
	case s.HeartbeatInterval < 10 || s.HeartbeatInterval > 5000:
		return fmt.Errorf("--heartbeat-interval %d: give 10 to 5000 (milliseconds)", s.HeartbeatInterval)
	case s.ElectionTimeout < 10*s.HeartbeatInterval || s.ElectionTimeout > 50_000:
		return fmt.Errorf("--election-timeout %d: give at least 10 times --heartbeat-interval (%d) and at most 50000 (milliseconds)", s.ElectionTimeout, s.HeartbeatInterval)
	case s.SnapshotCount < 50:
		return fmt.Errorf("--snapshot-count %d: give at least 50", s.SnapshotCount)
	}
	_, err := leastRoom(s.MinFreeSpace)
	return err
}

func (s *Server) checkWords() error {
	for _, word := range []struct {
		flag, value string
		allowed     []string
	}{
		{"--initial-cluster-state", s.InitialClusterState, []string{"new", "existing"}},
		{"--log-level", s.LogLevel, []string{"debug", "info", "warn", "error"}},
		{"--log-format", s.LogFormat, []string{"auto", "json", "console"}},
	} {
		if !slices.Contains(word.allowed, word.value) {
			return fmt.Errorf("%s %q: give one of %s", word.flag, word.value, strings.Join(word.allowed, ", "))
		}
	}
	return nil
}

// Member is one node of --initial-cluster.
type Member struct {
	Name string
	// URL is its peer URL as given; Address is the host:port in it.
	URL, Address string
}

// Members reads --initial-cluster, sorted by name.
func (s *Server) Members() ([]Member, error) {
	var members []Member
	for _, entry := range strings.Split(s.InitialCluster, ",") {
		name, peerURL, ok := strings.Cut(strings.TrimSpace(entry), "=")
		if !ok || !nodeName.MatchString(name) {
			return nil, fmt.Errorf("--initial-cluster: %q is not NAME=URL", entry)
		}
		addresses, err := Addresses(peerURL)
		if err != nil {
			return nil, fmt.Errorf("--initial-cluster: %s: %w", name, err)
		}
		members = append(members, Member{Name: name, URL: peerURL, Address: addresses[0]})
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(members); i++ {
		if members[i].Name == members[i-1].Name {
			return nil, fmt.Errorf("--initial-cluster lists %s twice", members[i].Name)
		}
	}
	return members, nil
}

// Addresses returns the host:port of each http URL in a comma-separated list.
func Addresses(list string) ([]string, error) {
	var addresses []string
	for _, raw := range URLs(list) {
		u, err := url.Parse(raw)
		if err != nil || u.Host == "" || (u.Path != "" && u.Path != "/") {
			return nil, fmt.Errorf("%q is not a URL such as http://127.0.0.1:7400", raw)
		}
		if u.Scheme != "http" {
			return nil, fmt.Errorf("%q: only http:// URLs are served", raw)
		}
		host, port, err := net.SplitHostPort(u.Host)
		if err != nil || port == "" {
			return nil, fmt.Errorf("%q has no port, such as http://%s:7400", raw, u.Host)
		}
		addresses = append(addresses, net.JoinHostPort(host, port))
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("no URL given")
	}
	return addresses, nil
}

// URLs splits a comma-separated list.
func URLs(list string) []string {
	var urls []string
	for _, raw := range strings.Split(list, ",") {
		if raw = strings.TrimSpace(raw); raw != "" {
			urls = append(urls, raw)
		}
	}
	return urls
}

// Heartbeat and Election return the Raft intervals as durations.
func (s *Server) Heartbeat() time.Duration {
	return time.Duration(s.HeartbeatInterval) * time.Millisecond
}

// Election returns the election timeout as a duration.
func (s *Server) Election() time.Duration {
	return time.Duration(s.ElectionTimeout) * time.Millisecond
}

// Dir returns the data directory as an absolute path.
func (s *Server) Dir() (string, error) { return filepath.Abs(s.DataDir) }
