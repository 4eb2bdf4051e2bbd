package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func load(t *testing.T, environ []string, args ...string) (Server, error) {
	t.Helper()
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	Flags(flags)
	if err := flags.Parse(args); err != nil {
		return Server{}, err
	}
	return Load(flags, environ)
}

func TestDefaultIsACompleteSingleNode(t *testing.T) {
	s, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.DataDir != "default.conclave" || s.InitialCluster != "default=http://127.0.0.1:7401" {
		t.Errorf("data dir %q, cluster %q", s.DataDir, s.InitialCluster)
	}
	if s.AdvertiseClientURLs != "http://127.0.0.1:7400" {
		t.Errorf("advertised %q", s.AdvertiseClientURLs)
	}
}

func TestPrecedence(t *testing.T) {
	environ := []string{"CONCLAVE_DATA_SHARDS=3", "CONCLAVE_LOG_LEVEL=warn", "CONCLAVE_ENDPOINTS=http://x:1", "CONCLAVE_LOCK=a", "CONCLAVE_WATCH_KEY=k", "PATH=/bin"}
	s, err := load(t, environ, "--log-level", "error")
	if err != nil {
		t.Fatal(err)
	}
	if s.DataShards != 3 || s.LogLevel != "error" {
		t.Errorf("got %d shards and level %s, want the variable's 3 and the flag's error", s.DataShards, s.LogLevel)
	}

	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("name: n9\ninitial-cluster: n9=http://127.0.0.1:7401\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = load(t, environ, "--log-level", "error", "--config-file", file)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "n9" || s.DataShards != 2 || s.LogLevel != "info" {
		t.Errorf("with a file, flags and variables must not count: %+v", s)
	}
}

// Nothing is served about the process unless it was asked for, on this machine.
func TestListenDebugURL(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("listen-debug-url: http://127.0.0.1:7402\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args    []string
		environ []string
		want    string
	}{
		{want: ""},
		{args: []string{"--listen-debug-url", ""}, want: ""},
		{args: []string{"--listen-debug-url", "http://127.0.0.1:7402"}, want: "http://127.0.0.1:7402"},
		{args: []string{"--listen-debug-url", "http://127.8.8.8:0/"}, want: "http://127.8.8.8:0/"},
		{args: []string{"--listen-debug-url", "http://[::1]:7402"}, want: "http://[::1]:7402"},
		{environ: []string{"CONCLAVE_LISTEN_DEBUG_URL=http://127.0.0.1:7402"}, want: "http://127.0.0.1:7402"},
		{args: []string{"--config-file", file}, want: "http://127.0.0.1:7402"},
	} {
		s, err := load(t, c.environ, c.args...)
		if err != nil || s.ListenDebugURL != c.want {
			t.Errorf("%v %v: got %q, %v; want %q", c.args, c.environ, s.ListenDebugURL, err, c.want)
		}
	}
}

func TestMistakesGetOneSentence(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("nam: n9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args    []string
		environ []string
		want    string
	}{
		{args: []string{"--name", "a b"}, want: "--name"},
		{args: []string{"--listen-client-urls", "localhost:7400"}, want: "is not a URL"},
		{args: []string{"--listen-client-urls", "https://localhost:7400"}, want: "only http://"},
		{args: []string{"--listen-client-urls", "http://localhost"}, want: "has no port"},
		{args: []string{"--listen-peer-urls", "http://a:1,http://b:2"}, want: "exactly one"},
		{args: []string{"--listen-debug-url", "127.0.0.1:7402"}, want: "is not a URL"},
		{args: []string{"--listen-debug-url", "http://127.0.0.1:1,http://127.0.0.1:2"}, want: "exactly one"},
		{args: []string{"--listen-debug-url", ","}, want: "no URL given"},
		{args: []string{"--listen-debug-url", "http://0.0.0.0:7402"}, want: "loopback address in numbers"},
		{args: []string{"--listen-debug-url", "http://:7402"}, want: "loopback address in numbers"},
		{args: []string{"--listen-debug-url", "http://[::]:7402"}, want: "loopback address in numbers"},
		{args: []string{"--listen-debug-url", "http://10.0.0.1:7402"}, want: "loopback address in numbers"},
		{args: []string{"--listen-debug-url", "http://localhost:7402"}, want: "loopback address in numbers"},
		{environ: []string{"CONCLAVE_LISTEN_DEBUG_URL=http://10.0.0.1:7402"}, want: "loopback address in numbers"},
		{args: []string{"--initial-cluster", "x=http://127.0.0.1:7401"}, want: "does not list this node"},
		{args: []string{"--initial-cluster", "default=http://127.0.0.1:9"}, want: "make them equal"},
		{args: []string{"--initial-cluster", "default"}, want: "is not NAME=URL"},
		{args: []string{"--initial-cluster", "default=http://127.0.0.1:7401,default=http://127.0.0.1:7401"}, want: "twice"},
		{args: []string{"--initial-cluster-token", ""}, want: "--initial-cluster-token is empty"},
		{args: []string{"--election-timeout", "200"}, want: "--election-timeout"},
		{args: []string{"--min-free-space", "much"}, want: "--min-free-space"},
		{args: []string{"--min-free-space", "-1"}, want: "--min-free-space"},
		{args: []string{"--min-free-space", "51%"}, want: "1% to 50%"},
		{args: []string{"--min-free-space", "NaN%"}, want: "1% to 50%"},
		{args: []string{"--min-free-space", "99999999999GiB"}, want: "--min-free-space"},
		{environ: []string{"CONCLAVE_MIN_FREE_SPACE="}, want: "--min-free-space"},
		{args: []string{"--data-shards", "0"}, want: "--data-shards"},
		{args: []string{"--log-level", "loud"}, want: "one of debug"},
		{args: []string{"--config-file", "no-such-file"}, want: "cannot read --config-file"},
		{args: []string{"--config-file", bad}, want: `no setting "nam"`},
		{environ: []string{"CONCLAVE_DATADIR=x"}, want: "there is no flag --datadir"},
		{environ: []string{"CONCLAVE_DATA_SHARDS=many"}, want: "data-shards"},
	} {
		_, err := load(t, c.environ, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v %v: got %q, want one sentence with %q", c.args, c.environ, err, c.want)
		}
	}
}
