package conclave

import "testing"

// A caller sends its own call only when that cannot hold it up.
func TestWhoSends(t *testing.T) {
	for name, test := range map[string]struct {
		conv   *conversation
		size   int
		before int // calls in the queue
		direct bool
	}{
		"an idle stream":               {conv: &conversation{}, size: 100, direct: true},
		"no stream":                    {size: 100},
		"somebody sends":               {conv: &conversation{sending: true}, size: 100},
		"others wait":                  {conv: &conversation{}, size: 100, before: 1},
		"others may come":              {conv: &conversation{unheard: maxUnheard + 1}, size: 100},
		"the node has much to read":    {conv: &conversation{unread: maxUnread}, size: 100},
		"the call is much to read":     {conv: &conversation{}, size: maxUnread + 1},
		"the last that still may pass": {conv: &conversation{unread: maxUnread - 100, unheard: maxUnheard}, size: 100, direct: true},
	} {
		p := newPipeline(nil, nil)
		p.open = test.conv
		for range test.before {
			p.queue = append(p.queue, p.newCall())
		}
		c := p.newCall()
		c.wire.Request = make([]byte, test.size)
		p.queue = append(p.queue, c)
		before := 0
		if test.conv != nil {
			before = test.conv.unread
		}
		got := p.idleLocked(c)
		if (got != nil) != test.direct {
			t.Errorf("%s: direct is %v", name, got != nil)
		}
		if got != nil && (!got.sending || got.unread != before+test.size || len(p.sent) != 1) {
			t.Errorf("%s: %+v, %d sent", name, got, len(p.sent))
		}
	}
}

// A call that nobody waits for any more still has to be read by the node.
func TestForgottenCallsCount(t *testing.T) {
	p := newPipeline(nil, nil)
	p.open = &conversation{forgotten: make(map[uint64]int)}
	c := p.newCall()
	c.wire.CallId, c.wire.Request = 7, make([]byte, 100)
	p.queue = append(p.queue, c)
	p.idleLocked(c)
	if p.forget(c) != callSent || p.open.unread != 100 || p.open.forgotten[7] != 100 {
		t.Errorf("%+v", p.open)
	}
}
