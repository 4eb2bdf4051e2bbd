package etcdv2_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// etcdctl 3.4 in its v2 mode prints at a node what it prints at etcd.
func TestEtcdctl(t *testing.T) {
	t.Parallel()
	programs := needDebian(t)
	t.Run("etcd", func(t *testing.T) { transcript(t, programs, programs.start(t)) })
	t.Run("here", func(t *testing.T) {
		s := newSite(t)
		transcript(t, programs, s.url)
		t.Run("watch", func(t *testing.T) { s.watched(t, programs) })
		t.Run("exec-watch", func(t *testing.T) { s.execWatched(t, programs) })
	})
}

// transcript does what testdata/etcdctl.txt says and compares.
func transcript(t *testing.T, programs debian, endpoint string) {
	t.Helper()
	text, err := os.ReadFile("testdata/etcdctl.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, part := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n\n$ ") {
		if got.Len() == 0 {
			got.WriteString(part) // the heading
			continue
		}
		command, _, _ := strings.Cut(part, "\n")
		got.WriteString("\n\n$ " + command + "\n")
		got.WriteString(anonymous(programs.ctl(t, endpoint, arguments(command)...)))
	}
	got.WriteString("\n")
	if diff := cmp.Diff(lines(string(text)), lines(got.String())); diff != "" {
		t.Errorf("what etcdctl prints differs (-testdata/etcdctl.txt +printed):\n%s", diff)
	}
}

// lines are the lines of a text, without empty ones.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

var argument = regexp.MustCompile(`"([^"]*)"|(\S+)`)

// arguments splits a command as a shell does.
func arguments(command string) []string {
	var args []string
	for _, m := range argument.FindAllStringSubmatch(command, -1) {
		args = append(args, m[1]+m[2])
	}
	return args
}

// unnamed are what differs from run to run.
var unnamed = []struct {
	what *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`\[\d+ != \d+\]`), "[N != N]"},
	{regexp.MustCompile(`\[\d+\]`), "[N]"},
	{regexp.MustCompile(`(Index: |Index":)[1-9]\d*`), "${1}N"},
	{regexp.MustCompile(`(?m)^(member )?[0-9a-f]+(:| is)`), "${1}ID$2"},
	{regexp.MustCompile(`peerURLs=http://127.0.0.1:\d+`), "peerURLs=PEER"},
	{regexp.MustCompile(`http://127.0.0.1:\d+`), "CLIENT"},
}

func anonymous(out string) string {
	for _, u := range unnamed {
		out = u.what.ReplaceAllString(out, u.name)
	}
	return out
}

// watched tries etcdctl watch: on what has been, on what is to come, and forever.
func (s *site) watched(t *testing.T, programs debian) {
	before := strconv.FormatInt(s.ask("PUT", "/w/x", "value=0").Node.ModifiedIndex, 10)
	s.call("PUT", "/w/a", "value=1")
	s.call("PUT", "/w/b", "value=2")
	s.call("DELETE", "/w/a", "")

	if got := programs.ctl(t, s.url, "watch", "--after-index", before, "/w/b"); got != "2\n" {
		t.Errorf("watch printed %q", got)
	}
	want := []string{"[set] /w/a", "1", "[set] /w/b", "2", "[delete] /w/a", "PrevNode.Value: 1", "[set] /w/later", "3"}
	all := running(t, programs, s.url, "watch", "--recursive", "--forever", "--after-index", before, "/w")
	var got []string
	for range want {
		if len(got) == 6 {
			s.call("PUT", "/w/later", "value=3")
		}
		got = append(got, all.line(t))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("watch printed (-want +got):\n%s", diff)
	}

	live := running(t, programs, s.url, "watch", "/live")
	for {
		s.call("PUT", "/live", "value=yes") // until the watch has begun
		select {
		case line := <-live.lines:
			if line != "yes" {
				t.Errorf("watch printed %q", line)
			}
			return
		case <-time.After(20 * time.Millisecond):
		case <-live.ctx.Done():
			t.Fatal("watch prints nothing")
		}
	}
}

// execWatched tries etcdctl exec-watch.
func (s *site) execWatched(t *testing.T, programs debian) {
	before := strconv.FormatInt(s.ask("PUT", "/x/y", "value=0").Node.ModifiedIndex, 10)
	s.call("PUT", "/x/z", "value=1")
	// After flags, etcdctl takes the command first.
	watch := running(t, programs, s.url, "exec-watch", "--recursive", "--after-index", before,
		"sh", "-c", "echo $ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE", "/x")
	if got := watch.line(t); got != "set /x/z 1" {
		t.Errorf("exec-watch printed %q", got)
	}
	s.call("PUT", "/x/later", "value=2")
	if got := watch.line(t); got != "set /x/later 2" {
		t.Errorf("exec-watch printed %q", got)
	}
}

// command is an etcdctl that runs.
type command struct {
	ctx   context.Context
	lines chan string
}

// running starts an etcdctl that goes on until the test ends.
func running(t *testing.T, programs debian, endpoint string, args ...string) command {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cmd := exec.CommandContext(ctx, programs.etcdctl, append([]string{"--endpoints", endpoint}, args...)...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=2")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := command{ctx, make(chan string, 100)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			c.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-read
		_ = cmd.Wait()
	})
	return c
}

func (c command) line(t *testing.T) string {
	t.Helper()
	select {
	case line := <-c.lines:
		return line
	case <-c.ctx.Done():
		t.Fatal("etcdctl prints nothing more")
		return ""
	}
}
