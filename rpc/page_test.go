package rpc_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAPIPage does what docs/api.md does, in its order, and gets the answers that
// it shows; "…" stands for anything.
func TestAPIPage(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	calls := regexp.MustCompile(`(?m)^\$ call (\w+Service/\w+) '(.*)'\n(.*)$`).FindAllStringSubmatch(string(page), -1)
	if want := strings.Count(string(page), "$ call "); len(calls) != want || want == 0 {
		t.Fatalf("%d of %d calls have an answer", len(calls), want)
	}
	s := newSite(t)
	called := map[string]bool{}
	for _, call := range calls {
		service, _, _ := strings.Cut(call[1], "/")
		called[service] = true
		want := strings.ReplaceAll(regexp.QuoteMeta(call[3]), "…", ".*")
		if code, answer := s.post(call[1], call[2]); !regexp.MustCompile("^"+want+"$").MatchString(answer) || code != 200 && !strings.HasPrefix(call[3], `{"code"`) {
			t.Errorf("%s %s:\n got %d %s\nwant %s", call[1], call[2], code, answer, call[3])
		}
	}
	if len(called) != 9 {
		t.Errorf("the page calls %d of 9 services: %v", len(called), called)
	}
}
