package etcdv2_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// The same requests are answered the same by Debian's etcd 3.4.
func TestSameAsEtcd(t *testing.T) {
	t.Parallel()
	p := newPair(t, needDebian(t))
	t.Run("corners", func(t *testing.T) {
		p.t = t
		for _, o := range corners() {
			p.ask(o)
		}
	})
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed%d", seed), func(t *testing.T) {
			p.t, p.script = t, nil
			p.clean()
			g := &generator{Rand: rand.New(rand.NewPCG(seed, 2)), pair: p, modified: make(map[string]int64)}
			streams := p.streams("/", "/a", "/a/a", "/a/_h", "/b", "/_h", "/c%20d/a/b")
			for range 250 {
				g.learn(p.ask(g.next()))
			}
			streams.compare(p.ask(op{method: "PUT", path: "/end"}).Node.ModifiedIndex)
		})
	}
	// The last, because it may be cut short.
	t.Run("expiry", func(t *testing.T) {
		p.t, p.script = t, nil
		p.expiries()
	})
}

// clean deletes everything.
func (p *pair) clean() {
	p.moved = nil
	for _, n := range append(p.ask(op{method: "GET", path: "/"}).Node.Nodes, node{Key: "/_h"}) {
		p.ask(op{method: "DELETE", path: n.Key, query: url.Values{"recursive": {"true"}}})
	}
}

// generator makes requests up, on few paths, so that they meet.
type generator struct {
	*rand.Rand
	pair *pair
	// modified has the last known index of files.
	modified map[string]int64
	inOrder  []string
}

// learn remembers what an answer tells.
func (g *generator) learn(t told) {
	if t.Node.Key == "" || t.Node.Dir {
		return
	}
	g.modified[t.Node.Key] = t.Node.ModifiedIndex
	if t.Action == "create" && inOrderName.MatchString(t.Node.Key) {
		g.inOrder = append(g.inOrder, t.Node.Key)
	}
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func choose[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) path() string {
	if len(g.inOrder) > 0 && g.chance(8) {
		return choose(g, g.inOrder...)
	}
	p := ""
	for range choose(g, 1, 1, 1, 2, 2, 2, 3, 3, 4) {
		p += "/" + choose(g, "a", "a", "a", "b", "b", "a-b", "c d", "_h", "é")
	}
	return p
}

func (g *generator) value() string {
	return choose(g, "v1", "v2", "v3", "", "a <b> & \"c\"", "käse")
}

func (g *generator) next() op {
	o := op{path: g.path(), query: url.Values{}, form: url.Values{}}
	if g.chance(3) {
		o.path = "/"
	}
	switch n := g.IntN(100); {
	case n < 45:
		o.method = "PUT"
		g.put(o)
	case n < 52:
		o.method = "POST"
		o.form.Set("value", g.value())
		if g.chance(90) {
			g.some(o.form, "ttl", 10, "100", "1000")
		} else {
			o.form.Set("dir", "true")
		}
	case n < 72:
		o.method = "DELETE"
		g.some(o.query, "dir", 25, "true", "false")
		g.some(o.query, "recursive", 25, "true", "false")
		g.compare(o, 15)
	case n < 97:
		o.method = "GET"
		g.some(o.query, "recursive", 40, "true", "1", "false")
		g.some(o.query, "sorted", 20, "true")
		g.some(o.query, "quorum", 20, "true")
	default:
		o.method = "HEAD"
	}
	if g.chance(4) {
		g.spoil(o)
	}
	return o
}

func (g *generator) put(o op) {
	switch {
	case g.chance(20):
		o.form.Set("dir", "true")
		// Longer than that of anything that can be in it: a TTL that the directory
		// cuts short is not shown here.
		g.some(o.form, "ttl", 20, strconv.Itoa(9000-1000*strings.Count(o.path, "/")))
		g.some(o.query, "prevExist", 40, "true", "false")
		return
	case g.pair.peek(o.path).Dir: // which gets other TTLs
		o.form.Set("value", g.value())
	case g.chance(15):
		o.form.Set("refresh", "true")
		o.form.Set("ttl", "500")
	default:
		o.form.Set("value", g.value())
		g.some(o.form, "ttl", 20, "100", "1000", "")
	}
	g.some(o.query, "prevExist", 30, "true", "true", "false")
	g.some(o.query, "noValueOnSuccess", 5, "true")
	g.compare(o, 20)
}

// compare asks for a value or an index that is, or is not, the one there.
func (g *generator) compare(o op, percent int) {
	g.some(o.query, "prevValue", percent, "v1", "v2", "v3")
	if g.chance(percent) && !g.pair.isMoved(o.path) {
		index := g.modified[o.path]
		if index == 0 || g.chance(20) {
			index = g.pair.offset + 2
		}
		o.query.Set("prevIndex", strconv.FormatInt(index, 10))
	}
}

// some sets a field now and then.
func (g *generator) some(to url.Values, field string, percent int, values ...string) {
	if g.chance(percent) {
		to.Set(field, choose(g, values...))
	}
}

// spoil makes a request wrong.
func (g *generator) spoil(o op) {
	field := choose(g, "prevIndex", "waitIndex", "recursive", "sorted", "wait", "dir", "quorum", "stream",
		"prevValue", "noValueOnSuccess", "ttl", "prevExist", "refresh")
	value := choose(g, "maybe", "-1", "", "1.5")
	if o.method == "GET" && field == "wait" {
		value = "maybe" // not a wait that is not answered
	}
	o.query.Set(field, value)
}

// corners are requests whose answers are easily got wrong.
func corners() []op {
	q := func(pairs ...string) url.Values {
		values := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		return values
	}
	v := func(value string) url.Values { return q("value", value) }
	dir, deep := q("dir", "true"), q("recursive", "true")
	return []op{
		{"GET", "", nil, nil}, {"GET", "/", deep, nil}, {"GET", "/none", nil, nil}, {"GET", "/none/below", nil, nil},
		// The root.
		{"PUT", "/", nil, v("x")}, {"PUT", "/", nil, dir}, {"PUT", "/", q("prevExist", "true"), v("")}, {"PUT", "/", q("prevExist", "false"), dir},
		{"PUT", "/", q("prevValue", "a"), v("x")}, {"DELETE", "/", nil, nil}, {"DELETE", "/", deep, nil}, {"DELETE", "/", q("prevValue", "a"), nil},
		{"POST", "/", nil, v("at the root")}, {"PUT", "/", q(), q("refresh", "true", "ttl", "5")},
		// Files.
		{"PUT", "/f", nil, v("w1")}, {"PUT", "/f", nil, v("w2")}, {"PUT", "/f", nil, nil}, {"PUT", "/f", q("prevExist", "false"), v("w3")},
		{"PUT", "/f", q("prevExist", "true"), v("w4")}, {"PUT", "/g", q("prevExist", "true"), v("w4")}, {"PUT", "/g/h", q("prevExist", "true"), v("w4")},
		{"PUT", "/f", q("prevValue", "w4"), v("w5")}, {"PUT", "/f", q("prevValue", "w4"), v("w6")}, {"PUT", "/f", q("prevValue", "no", "prevIndex", "3"), v("w6")},
		{"PUT", "/f", q("prevIndex", "3"), v("w6")}, {"PUT", "/f", q("prevValue", ""), v("w6")}, {"PUT", "/f", q("prevValue", "w5", "prevExist", "false"), v("w6")},
		{"PUT", "/f", q("prevValue", "w5", "prevExist", "true"), v("w6")}, {"PUT", "/f/below", nil, v("w7")}, {"GET", "/f/below", nil, nil},
		{"POST", "/f", nil, v("w8")}, {"DELETE", "/f/below", nil, nil}, {"PUT", "/f", q("prevExist", "true"), dir}, {"GET", "/f", nil, nil},
		{"DELETE", "/f", q("prevValue", "no"), nil}, {"DELETE", "/f", q("prevIndex", "3"), nil}, {"DELETE", "/f", q("dir", "true"), nil}, {"DELETE", "/f", nil, nil},
		// TTLs.
		{"PUT", "/t", nil, q("value", "w1", "ttl", "100")}, {"GET", "/t", nil, nil}, {"PUT", "/t", nil, q("refresh", "true", "ttl", "200")},
		{"PUT", "/t", q("prevExist", "true"), q("refresh", "true", "ttl", "300")}, {"PUT", "/t", q("prevValue", "w1"), q("refresh", "true", "ttl", "300")},
		{"PUT", "/t", q("prevValue", "w2"), q("refresh", "true", "ttl", "300")}, {"PUT", "/t", nil, q("refresh", "true", "ttl", "300", "value", "x")},
		{"PUT", "/t", nil, q("refresh", "true")}, {"PUT", "/t", q("prevExist", "true"), q("value", "w2", "ttl", "")}, {"GET", "/t", nil, nil},
		{"PUT", "/none", nil, q("refresh", "true", "ttl", "300")}, {"PUT", "/t2", q("prevExist", "false"), q("refresh", "true", "ttl", "300")},
		{"PUT", "/t", nil, q("value", "w1", "ttl", "none")}, {"PUT", "/t", nil, q("value", "w1", "ttl", "-1")}, {"DELETE", "/t", nil, nil},
		// Directories.
		{"PUT", "/d", nil, dir}, {"PUT", "/d", nil, dir}, {"PUT", "/d", q("prevExist", "false"), dir}, {"PUT", "/d", nil, v("x")}, {"PUT", "/d", q("prevExist", "true"), v("x")},
		{"PUT", "/d", q("prevExist", "true"), q("ttl", "100", "dir", "true")}, {"GET", "/d", nil, nil}, {"PUT", "/d", q("prevExist", "true"), dir}, {"GET", "/d", nil, nil},
		{"PUT", "/d", q("prevValue", "x"), v("y")}, {"PUT", "/d", nil, q("refresh", "true", "ttl", "5")}, {"PUT", "/d/e/f", nil, v("w1")}, {"PUT", "/d/_hidden", nil, v("w1")},
		{"PUT", "/d/_h/x", nil, v("w1")}, {"GET", "/d", nil, nil}, {"GET", "/d", deep, nil}, {"GET", "/d/_h", deep, nil}, {"GET", "/d/_hidden", nil, nil}, {"GET", "/", deep, nil},
		{"DELETE", "/d/e", nil, nil}, {"DELETE", "/d/e", dir, nil}, {"DELETE", "/d/e/f", nil, nil}, {"GET", "/d/e", nil, nil}, {"DELETE", "/d/e", dir, nil}, {"DELETE", "/d", dir, nil},
		{"DELETE", "/d", q("prevValue", "x"), nil}, {"DELETE", "/d", deep, nil}, {"GET", "/d", nil, nil}, {"PUT", "/s", nil, v("file")}, {"PUT", "/s", nil, dir}, {"GET", "/s", nil, nil},
		// In-order keys.
		{"POST", "/q", nil, v("w1")}, {"POST", "/q", nil, q("value", "w2", "ttl", "100")}, {"POST", "/q", nil, dir}, {"POST", "/q", q("prevExist", "true"), nil}, {"GET", "/q", q("sorted", "true"), nil},
		// Odd names.
		{"PUT", "/a b", nil, v("w1")}, {"PUT", "/é/ü", nil, v("w1")}, {"PUT", "/p%q", nil, v("w1")}, {"PUT", "/trailing/", nil, v("w1")}, {"GET", "/trailing/", nil, nil}, {"PUT", "/x#y", nil, v("<&>")}, {"GET", "/", deep, nil},
		{"HEAD", "/f", nil, nil}, {"HEAD", "/s", nil, nil}, {"GET", "/s", q("quorum", "true", "wait", "true"), nil}, {"PUT", "/s", q("wait", "true"), nil},
	}
}
