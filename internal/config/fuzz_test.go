package config

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// loads reads settings, and checks that those that are valid can be used. What is
// wrong is a sentence.
func loads(t *testing.T, args, environ []string) {
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	Flags(flags)
	if err := flags.Parse(args); err != nil {
		return
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	settings, err := Load(flags, environ)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Fatalf("%d MiB were allocated", grown>>20)
	}
	if err != nil {
		if strings.TrimSpace(err.Error()) == "" {
			t.Fatal("an error without a word")
		}
		return
	}
	if err := settings.Validate(); err != nil {
		t.Fatalf("settings that were valid are not when they are looked at again: %v", err)
	}
	members, err := settings.Members()
	if err != nil || len(members) == 0 {
		t.Fatalf("a valid node is in no cluster: %v, %v", members, err)
	}
	if _, err := settings.Dir(); err != nil {
		t.Fatal(err)
	}
	if settings.Heartbeat() <= 0 || settings.Election() < settings.Heartbeat() {
		t.Fatalf("heartbeat %v, election %v", settings.Heartbeat(), settings.Election())
	}
}

// Any file is refused with a sentence, or gives valid settings.
func FuzzFile(f *testing.F) {
	for _, text := range []string{
		"name: n1\ndata-shards: 4\n", "listen-client-urls: http://127.0.0.1:1,http://[::1]:2\n", "initial-cluster: a=http://h:1,a=http://h:1\nname: a\n",
		"a: &a [1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n",
		"name: [\n", "? !!binary x\n: y\n", "name: \xff\n", "data-shards: 1e99\n", "snapshot-count: -1\n", "<<: *x\n", "---\n...\n---\n", "",
		"election-timeout: 9223372036854775808\n", "name: {a: {b: {c: d}}}\n",
	} {
		f.Add(text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		loads(t, []string{"--config-file", file}, nil)
	})
}

// So do any flags and variables; each line is one.
func FuzzFlags(f *testing.F) {
	f.Add("--name=a\n--data-shards=3", "CONCLAVE_LOG_LEVEL=debug")
	f.Add("--initial-cluster=a=http://h:1,b=http://[::1]:2\n--name=b", "CONCLAVE_NAME=c\nCONCLAVE_TOKEN=5")
	f.Add("--listen-client-urls=http://:0\n--listen-debug-url=http://127.0.0.1:0", "CONCLAVE_=\nCONCLAVE\n=\nCONCLAVE_DATA_SHARDS=x")
	f.Add("--election-timeout=-9223372036854775808", "CONCLAVE_HEARTBEAT_INTERVAL=1.5")
	f.Fuzz(func(t *testing.T, args, environ string) {
		if strings.Contains(args, "config-file") || strings.Contains(strings.ToLower(environ), "config_file") {
			return // FuzzFile's
		}
		loads(t, strings.Split(args, "\n"), strings.Split(environ, "\n"))
	})
}

// An address that is read is one that is read the same again.
func FuzzAddresses(f *testing.F) {
	for _, list := range []string{"http://127.0.0.1:7400", "http://[::1]:1,http://h:2", "http://a:b@h:1", "https://h:1", "http://h", "http://:0/", "http://%zz:1", ","} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		addresses, err := Addresses(list)
		if err != nil {
			return
		}
		again, err := Addresses("http://" + strings.Join(addresses, ",http://"))
		if err == nil && strings.Join(again, " ") != strings.Join(addresses, " ") {
			t.Fatalf("%q is %q, and then %q", list, addresses, again)
		}
	})
}
