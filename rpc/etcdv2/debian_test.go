package etcdv2_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// debian is etcd 3.4 as Debian has it, the last one with the v2 API.
type debian struct{ etcd, etcdctl string }

var debianDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if debianDir != "" {
		_ = os.RemoveAll(debianDir)
	}
	os.Exit(code)
}

// needDebian gets Debian's programs. Nothing is installed: the packages are
// unpacked in a directory of their own. Without apt the test is skipped, but not
// in CI.
func needDebian(t *testing.T) debian {
	t.Helper()
	if testing.Short() {
		t.Skip("gets Debian's packages of etcd")
	}
	programs, err := debianOnce()
	switch {
	case err == nil:
		return programs
	case os.Getenv("CI") != "":
		t.Fatalf("Debian's packages of etcd cannot be had: %v", err)
	default:
		t.Skipf("Debian's packages of etcd cannot be had: %v", err)
	}
	return debian{}
}

var debianOnce = sync.OnceValues(func() (debian, error) {
	for _, tool := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(tool); err != nil {
			return debian{}, err
		}
	}
	dir, err := os.MkdirTemp("", "etcdv2")
	if err != nil {
		return debian{}, err
	}
	debianDir = dir
	download := []string{"apt-get", "download", "-q", "etcd-server", "etcd-client"}
	if err := runIn(dir, download...); err != nil {
		// A fresh machine has no package lists.
		if err := runIn(dir, "apt-get", "update", "-q"); err != nil {
			return debian{}, err
		}
		if err := runIn(dir, download...); err != nil {
			return debian{}, err
		}
	}
	packages, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(packages) != 2 {
		return debian{}, fmt.Errorf("packages %v: %w", packages, err)
	}
	for _, deb := range packages {
		if err := runIn(dir, "dpkg", "-x", deb, "root"); err != nil {
			return debian{}, err
		}
	}
	programs := debian{filepath.Join(dir, "root/usr/bin/etcd"), filepath.Join(dir, "root/usr/bin/etcdctl")}
	version, err := exec.Command(programs.etcd, "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(version), "Version: 3.4.") {
		return debian{}, fmt.Errorf("not etcd 3.4, whose v2 API this is compared with: %s, %w", version, err)
	}
	return programs, nil
})

func runIn(dir string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// start runs a single etcd and returns its URL.
func (d debian) start(t *testing.T) string {
	t.Helper()
	client, peer := freeURL(t), freeURL(t)
	var log bytes.Buffer
	cmd := exec.Command(d.etcd, "--enable-v2", "--name", "n1", "--data-dir", t.TempDir(), "--log-level", "error",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "n1="+peer)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("etcd: %s", log.String())
		}
	})
	look, deadline := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer look.Stop()
	for !healthy(client) {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatal("etcd does not answer")
		}
	}
	return client
}

func healthy(at string) bool {
	res, err := http.Get(at + "/health")
	if err != nil {
		return false
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return err == nil && strings.Contains(string(body), "true")
}

func freeURL(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return "http://" + l.Addr().String()
}

// ctl runs etcdctl against an endpoint and returns what it prints, errors too.
func (d debian) ctl(t *testing.T, endpoint string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.etcdctl, append([]string{"--endpoints", endpoint}, args...)...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=2")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s(%v)\n", out, err)
	}
	return string(out)
}
