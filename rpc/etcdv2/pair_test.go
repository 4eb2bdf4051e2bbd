package etcdv2_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pair is an etcd and a node that are asked the same things and have to answer
// the same, but for what docs/etcd-v2.md lists. All indexes are told as etcd's:
// the two count from different beginnings, and then in step.
type pair struct {
	t      *testing.T
	client *http.Client
	etcd   string
	ours   *site
	offset int64 // etcd's index minus ours
	// moved are the directories that got another TTL, which modifies here what is
	// in them.
	moved []string
	// script is what was asked so far.
	script []string
}

func newPair(t *testing.T, programs debian) *pair {
	t.Helper()
	p := &pair{
		t: t, client: &http.Client{Transport: &http.Transport{}}, etcd: programs.start(t), ours: newSite(t),
	}
	t.Cleanup(p.client.CloseIdleConnections)
	p.offset = p.index(fetch(t, p.client, "GET", p.etcd+"/v2/keys", "")) - p.index(p.ours.call("GET", "", ""))
	return p
}

func (p *pair) index(r reply) int64 {
	p.t.Helper()
	index, err := strconv.ParseInt(r.header.Get("X-Etcd-Index"), 10, 64)
	if err != nil {
		p.t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return index
}

// op is a request. Indexes in it are etcd's.
type op struct {
	method, path string
	query, form  url.Values
}

var inOrderName = regexp.MustCompile(`\d{20}`)

// shift adds to the number of each in-order name in a text.
func shift(text string, by int64) string {
	return inOrderName.ReplaceAllStringFunc(text, func(name string) string {
		number, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			return name
		}
		return fmt.Sprintf("%020d", number+by)
	})
}

// render makes the request as a server gets it whose index is smaller by some.
func (o op) render(less int64) (target, form string) {
	fix := func(values url.Values) string {
		out := url.Values{}
		for field, all := range values {
			out[field] = slices.Clone(all)
			if n, err := strconv.ParseInt(all[0], 10, 64); err == nil && strings.HasSuffix(field, "Index") {
				out.Set(field, strconv.FormatInt(max(n-less, 0), 10))
			}
		}
		return out.Encode()
	}
	target = (&url.URL{Path: shift(o.path, -less)}).EscapedPath()
	if len(o.query) > 0 {
		target += "?" + fix(o.query)
	}
	return target, fix(o.form)
}

// ask asks both and compares. It returns etcd's answer.
func (p *pair) ask(o op) told {
	p.t.Helper()
	target, form := o.render(0)
	p.script = append(p.script, fmt.Sprintf("%s %s %s", o.method, target, form))
	silent := o.query.Get("noValueOnSuccess") != ""
	var before node
	if silent {
		before = p.peek(o.path)
	}
	theirs := fetch(p.t, p.client, o.method, p.etcd+"/v2/keys"+target, form)
	target, form = o.render(p.offset)
	mine := p.ours.call(o.method, target, form)

	if o.method == "HEAD" {
		p.same(p.outcome(theirs, told{}, 0), p.outcome(mine, told{}, p.offset))
		return told{}
	}
	want, got := decode(p.t, theirs.body), decode(p.t, mine.body)
	p.translate(&got)
	answer := want
	if silent && want.Action != "" && want.Node.Key == "" {
		unsaid := told{Action: want.Action, Node: p.peek(o.path)}
		if before.Key != "" {
			unsaid.PrevNode = &before
		}
		p.follow(&unsaid)
	}
	p.follow(&want)
	p.same(p.outcome(theirs, want, 0), p.outcome(mine, got, p.offset))
	return answer
}

// peek is what etcd has at a path.
func (p *pair) peek(at string) node {
	p.t.Helper()
	target, _ := op{path: at}.render(0)
	return decode(p.t, fetch(p.t, p.client, "GET", p.etcd+"/v2/keys"+target, "").body).Node
}

// outcome is what is compared.
type outcome struct {
	Status int
	Index  int64
	Type   string
	Told   told
}

func (p *pair) outcome(r reply, t told, offset int64) outcome {
	index := p.index(r)
	if index > 0 {
		index += offset
	}
	return outcome{r.status, index, r.header.Get("Content-Type"), p.blur(t)}
}

func (p *pair) same(want, got outcome) {
	p.t.Helper()
	if diff := cmp.Diff(want, got, nearly); diff != "" {
		p.t.Fatalf("etcd and this node differ (-etcd +here):\n%s\nafter\n  %s", diff, strings.Join(p.script, "\n  "))
	}
}

var compared = regexp.MustCompile(`\[(\d+) != (\d+)\]`)

// translate puts an answer of the node in etcd's numbers.
func (p *pair) translate(t *told) {
	if t.Index > 0 {
		t.Index += p.offset
	}
	t.Cause = compared.ReplaceAllStringFunc(shift(t.Cause, p.offset), func(c string) string {
		m := compared.FindStringSubmatch(c)
		left, _ := strconv.ParseInt(m[1], 10, 64)
		right, _ := strconv.ParseInt(m[2], 10, 64)
		return fmt.Sprintf("[%d != %d]", left+p.offset, right+p.offset)
	})
	p.translateNode(&t.Node)
	if t.PrevNode != nil {
		p.translateNode(t.PrevNode)
	}
}

func (p *pair) translateNode(n *node) {
	n.Key = shift(n.Key, p.offset)
	if n.ModifiedIndex > 0 {
		n.ModifiedIndex += p.offset
		n.CreatedIndex += p.offset
	}
	for i := range n.Nodes {
		p.translateNode(&n.Nodes[i])
	}
}

// follow keeps track of what is to be expected here after etcd's answer.
func (p *pair) follow(t *told) {
	if t.Action == "update" && t.Node.Dir {
		p.moved = append(p.moved, t.Node.Key)
	}
}

// isMoved says whether the index of a file is not to be compared.
func (p *pair) isMoved(file string) bool {
	for _, dir := range p.moved {
		if strings.HasPrefix(file, dir+"/") {
			return true
		}
	}
	return false
}

// blur takes out of an answer what cannot be equal: the indexes of directories,
// and the order of what is not sorted.
func (p *pair) blur(t told) told {
	p.blurNode(&t.Node)
	if t.PrevNode != nil {
		before := *t.PrevNode
		p.blurNode(&before)
		t.PrevNode = &before
	}
	return t
}

func (p *pair) blurNode(n *node) {
	if n.Dir {
		n.ModifiedIndex, n.CreatedIndex = 0, 0
	}
	if p.isMoved(n.Key) {
		n.ModifiedIndex = 0
	}
	n.Nodes = slices.Clone(n.Nodes)
	slices.SortFunc(n.Nodes, func(a, b node) int { return strings.Compare(a.Key, b.Key) })
	for i := range n.Nodes {
		p.blurNode(&n.Nodes[i])
	}
}

// nearly compares times and TTLs, as the two are asked one after the other.
var nearly = cmp.Options{
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".TTL" }, cmp.Comparer(func(a, b int64) bool {
		return (a == 0) == (b == 0) && max(a, b)-min(a, b) <= 2
	})),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Expiration" }, cmp.Comparer(func(a, b *time.Time) bool {
		return a == b || a != nil && b != nil && a.Sub(*b).Abs() < 2*time.Second
	})),
}
