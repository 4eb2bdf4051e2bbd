package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// EnvPrefix begins every variable: --data-dir is CONCLAVE_DATA_DIR.
const EnvPrefix = "CONCLAVE_"

// clientVariables belong to the client commands and to what these run, which may
// be a server.
var clientVariables = regexp.MustCompile(`^CONCLAVE_(ENDPOINTS|NAMESPACE|TOKEN|TERM|LOCK|ELECTION|` +
	`QUEUE|JOB_ID|RECEIPT|ATTEMPT|SERVICE|INSTANCE|WATCH_[A-Z_]+)$`)

// Flags defines the server's flags on a set.
func Flags(flags *pflag.FlagSet) {
	d := Default()
	flags.String("config-file", "", "YAML file with the same keys as the flags; when given, it alone counts")
	flags.String("name", d.Name, "name of this node in the cluster")
	flags.String("data-dir", "", "directory for everything the node keeps (default NAME.conclave)")
	flags.String("listen-client-urls", d.ListenClientURLs, "URLs to serve clients on")
	flags.String("advertise-client-urls", "", "client URLs to tell others (default: the listen URLs)")
	flags.String("listen-etcd-urls", d.ListenEtcdURLs, "URLs to serve etcd's clients on, empty for none; without this flag it is none if --listen-client-urls are given, which serve etcd's API too")
	flags.String("etcd-namespace", d.EtcdNamespace, "namespace that etcd's clients see")
	flags.String("listen-peer-urls", d.ListenPeerURLs, "URL to serve the other nodes on")
	flags.String("initial-advertise-peer-urls", "", "peer URL to tell others (default: the listen URL)")
	flags.String("listen-debug-url", "", "URL on a loopback address to serve profiles of the process on (default: none)")
	flags.String("initial-cluster", "", "all nodes as NAME=PEER-URL,... (default: this node alone)")
	flags.String("initial-cluster-state", d.InitialClusterState, "new, or existing for a node that replaces one")
	flags.String("initial-cluster-token", d.InitialClusterToken, "word that tells this cluster from others")
	flags.Int("data-shards", d.DataShards, "shards that carry namespaces; fixed when the cluster is made")
	flags.Int("heartbeat-interval", d.HeartbeatInterval, "milliseconds between heartbeats")
	flags.Int("election-timeout", d.ElectionTimeout, "milliseconds without a leader until an election")
	flags.Uint64("snapshot-count", d.SnapshotCount, "log entries between compactions of a shard's log")
	flags.String("min-free-space", d.MinFreeSpace, "how much of the disk has to stay free, such as 512MiB or 10%; with less, writes are refused; 0 does not look")
	flags.String("log-level", d.LogLevel, "debug, info, warn or error")
	flags.String("log-format", d.LogFormat, "json, console or auto")
}

// Load reads the settings and validates them. flags must have been defined by
// Flags and parsed; environ is os.Environ or a test's.
func Load(flags *pflag.FlagSet, environ []string) (Server, error) {
	k := koanf.New(".")
	file, err := flags.GetString("config-file")
	if err != nil {
		return Server{}, err
	}
	if file == "" {
		file = lookup(environ, EnvPrefix+"CONFIG_FILE")
	}
	if file != "" {
		err = loadFile(k, file)
	} else {
		err = loadFlags(k, flags, environ)
	}
	if err != nil {
		return Server{}, err
	}
	settings := Default()
	if err := decode(k, &settings); err != nil {
		return Server{}, err
	}
	if k.Exists("listen-client-urls") && !k.Exists("listen-etcd-urls") {
		// Nodes that share a machine are told apart by their client ports, and who
		// has an etcd's settings expects its API there.
		settings.ListenEtcdURLs = ""
	}
	return settings, settings.Validate()
}

func loadFile(k *koanf.Koanf, file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("cannot read --config-file: %w", err)
	}
	if err := k.Load(rawbytes.Provider(raw), yaml.Parser()); err != nil {
		return fmt.Errorf("--config-file %s is not valid YAML: %w", file, err)
	}
	if known, strange := known(k.Keys()); !known {
		return fmt.Errorf("--config-file %s: there is no setting %q", file, strange)
	}
	return nil
}

func loadFlags(k *koanf.Koanf, flags *pflag.FlagSet, environ []string) error {
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, EnvPrefix) || clientVariables.MatchString(name) {
			continue
		}
		if flags.Lookup(flagOf(name)) == nil {
			return fmt.Errorf("environment variable %s: there is no flag --%s", name, flagOf(name))
		}
	}
	provider := env.Provider(".", env.Opt{
		Prefix:      EnvPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if clientVariables.MatchString(name) {
				return "", nil
			}
			return flagOf(name), value
		},
	})
	if err := k.Load(provider, nil); err != nil {
		return err
	}
	changed := map[string]any{}
	flags.Visit(func(f *pflag.Flag) {
		if f.Name != "config-file" && f.Name != "help" {
			changed[f.Name] = posflag.FlagVal(flags, f)
		}
	})
	return k.Load(confmap.Provider(changed, "."), nil)
}

// decode is strict: a number that is not one is an error that names the key.
func decode(k *koanf.Koanf, settings *Server) error {
	err := k.UnmarshalWithConf("", settings, koanf.UnmarshalConf{
		Tag: "koanf",
		DecoderConfig: &mapstructure.DecoderConfig{
			Result:           settings,
			TagName:          "koanf",
			WeaklyTypedInput: true,
		},
	})
	var failed *mapstructure.DecodeError
	if errors.As(err, &failed) {
		return fmt.Errorf("--%s: %w", failed.Name(), failed.Unwrap())
	}
	return err
}

func flagOf(variable string) string {
	name := strings.TrimPrefix(variable, EnvPrefix)
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

func known(names []string) (bool, string) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	Flags(flags)
	for _, name := range names {
		if flags.Lookup(name) == nil || name == "config-file" {
			return false, name
		}
	}
	return true, ""
}

func lookup(environ []string, name string) string {
	for _, entry := range environ {
		if key, value, _ := strings.Cut(entry, "="); key == name {
			return value
		}
	}
	return ""
}
