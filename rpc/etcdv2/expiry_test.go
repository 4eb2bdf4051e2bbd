package etcdv2_test

import (
	"net/url"
	"strconv"
	"time"

	"github.com/google/go-cmp/cmp"
)

// expiries lets nodes expire at both, and compares what is told of it then and
// later.
func (p *pair) expiries() {
	p.t.Helper()
	p.ask(op{method: "PUT", path: "/d", form: url.Values{"dir": {"true"}}})
	streams := p.streams("/", "/d", "/d/f", "/dir", "/dir/sub/f")
	started := time.Now()
	begin := p.ask(op{method: "PUT", path: "/d/f", form: url.Values{"value": {"1"}, "ttl": {"2"}}}).Node.ModifiedIndex
	p.ask(op{method: "PUT", path: "/dir", form: url.Values{"dir": {"true"}, "ttl": {"4"}}})
	p.ask(op{method: "PUT", path: "/dir/sub/f", form: url.Values{"value": {"2"}}})
	p.ask(op{method: "PUT", path: "/dir/g", form: url.Values{"value": {"3"}, "ttl": {"3"}}})
	if time.Since(started) > 800*time.Millisecond {
		p.t.Skip("this machine is too slow for what expires to do so in the same order at both")
	}
	const everything = 1
	told := streams.etcd[everything].until(patience, func(all []told) bool {
		return len(all) > 0 && all[len(all)-1].Action == "expire" && all[len(all)-1].Node.Key == "/dir"
	})
	last := told[len(told)-1].Node.ModifiedIndex
	streams.compare(last)
	for _, path := range []string{"/d/f", "/d", "/dir", "/dir/sub/f"} {
		p.ask(op{method: "GET", path: path})
		for index := begin; index <= last; index++ {
			p.waits(path, index)
		}
	}
}

// waits waits at both from an index in the past, if there is something to tell.
func (p *pair) waits(path string, index int64) {
	p.t.Helper()
	o := op{method: "GET", path: path, query: url.Values{"wait": {"true"}, "recursive": {"true"}, "waitIndex": {strconv.FormatInt(index, 10)}}}
	s := &streams{pair: p}
	target, _ := o.render(0)
	theirs := follow(p.t, p.client, p.etcd+"/v2/keys"+target)
	defer theirs.close()
	want := theirs.until(settle, func(all []told) bool { return len(all) == 1 })
	if len(want) == 0 {
		return
	}
	target, form := o.render(p.offset)
	mine := p.ours.call(o.method, target, form)
	got := decode(p.t, mine.body)
	p.translate(&got)
	if diff := cmp.Diff(s.vague(want[0]), s.vague(got)); diff != "" {
		p.t.Errorf("%s from %d: etcd and this node differ (-etcd +here):\n%s", path, index, diff)
	}
}
