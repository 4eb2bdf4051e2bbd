package rpc

import (
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// rule is a request that a rule lets pass, or the words that the refusal has to
// have: field, limit and what was given.
type rule struct {
	name  string
	look  func(c *check)
	wants string // empty: passes
}

func testRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			var c check
			r.look(&c)
			err := c.done()
			switch {
			case err == nil && r.wants != "":
				t.Errorf("passes, want %q", r.wants)
			case err != nil && err.Error() != r.wants:
				t.Errorf("\n got %q\nwant %q", err, r.wants)
			}
		})
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestTextRules(t *testing.T) {
	name := func(s string) func(*check) { return func(c *check) { c.name("name", s) } }
	text := func(s string) func(*check) { return func(c *check) { c.text("note", s, 1024) } }
	space := func(s string) func(*check) { return func(c *check) { c.namespaceName("name", s) } }
	place := func(s string) func(*check) { return func(c *check) { c.namespace(s) } }
	const rule64 = "name must be 1 to 64 of a-z, 0-9, '-', '_' and '.', the first a letter or digit; it "
	testRules(t, []rule{
		{"name", name("invoice/42 – Ä"), ""},
		{"longest name", name(long(256)), ""},
		{"no name", name(""), "name is missing; give 1 to 256 bytes"},
		{"long name", name(long(257)), "name may have 256 bytes, not 257"},
		{"NUL in a name", name("a\x00b"), "name has the control character U+0000 at byte 1; leave it out"},
		{"escape in a name", name("\x1b[2J"), "name has the control character U+001B at byte 0; leave it out"},
		{"C1 control in a name", name("a\u0085"), "name has the control character U+0085 at byte 1; leave it out"},
		{"invalid UTF-8", name("\xff"), "name is not valid UTF-8"},
		{"prose", text("one\n\ttwo"), ""},
		{"bell in prose", text("\a"), "note has the control character U+0007 at byte 0; leave it out"},
		{"long prose", text(long(1025)), "note may have 1024 bytes, not 1025"},
		{"namespace", space("billing-2.eu_west"), ""},
		{"longest namespace", space(long(64)), ""},
		{"no namespace", space(""), rule64 + "has 0 bytes"},
		{"long namespace", space(long(65)), rule64 + "has 65 bytes"},
		{"capitals in a namespace", space("Billing"), rule64 + `is "Billing"`},
		{"namespace begins with a dot", space(".a"), rule64 + `is ".a"`},
		{"default namespace", place(""), ""},
		{"address", place("billing@7"), ""},
		{"highest address", place(long(64) + "@4294967295"), ""},
		{"address without a name", place("@7"), "namespace" + strings.TrimPrefix(rule64, "name") + "has 0 bytes"},
		{"address without an id", place("billing@"), `namespace must have a namespace's id after the @, not ""`},
		{"address with a zero", place("billing@07"), `namespace must have a namespace's id after the @, not "07"`},
		{"address with a name", place("billing@7@7"), `namespace must have a namespace's id after the @, not "7@7"`},
		{"no address to create", space("billing@7"), rule64 + `is "billing@7"`},
		{"reason", func(c *check) { c.reason("reason", "stuck") }, ""},
		{"no reason", func(c *check) { c.reason("reason", "") }, "reason is missing; say why in 1 to 1024 bytes"},
	})
}

func TestNumberRules(t *testing.T) {
	id := func(client string, sequence, below uint64) func(*check) {
		return func(c *check) {
			c.requestID(&conclavev1.RequestId{Client: client, Sequence: sequence, DoneBelow: below})
		}
	}
	wait := func(d time.Duration, forever bool) func(*check) {
		return func(c *check) { c.wait(durationpb.New(d), forever) }
	}
	ttl := func(d time.Duration) func(*check) { return func(c *check) { c.ttl(durationpb.New(d)) } }
	testRules(t, []rule{
		{"request id", id("c", 1, 1), ""},
		{"no request id", func(c *check) { c.requestID(nil) }, ""},
		{"no client", id("", 1, 0), "request_id.client must have 1 to 64 bytes, not 0"},
		{"long client", id(long(65), 1, 0), "request_id.client must have 1 to 64 bytes, not 65"},
		{"NUL in a client", id("a\x00", 1, 0), "request_id.client has the control character U+0000 at byte 1; leave it out"},
		{"no sequence", id("c", 0, 0), "request_id.sequence must be 1 or more; number requests from 1"},
		{"done too far", id("c", 5, 6), "request_id.done_below must be at most the sequence 5, not 6"},
		{"wait", wait(10*time.Minute, false), ""},
		{"forever", wait(0, true), ""},
		{"long wait", wait(601*time.Second, false), "wait must be at most 10m0s, not 10m1s; wait_forever waits as long as the session lives"},
		{"negative wait", wait(-1, false), "wait must be 0s to 10m0s, not -1ns"},
		{"both waits", wait(1, true), "wait and wait_forever exclude each other; give one of them"},
		{"broken wait", func(c *check) { c.wait(&durationpb.Duration{Seconds: math.MaxInt64}, false) }, `wait is not a duration; give it like "1.5s"`},
		{"shortest TTL", ttl(100 * time.Millisecond), ""},
		{"longest TTL", ttl(24 * time.Hour), ""},
		{"short TTL", ttl(99 * time.Millisecond), "ttl must be 100ms to 24h0m0s, not 99ms"},
		{"long TTL", ttl(24*time.Hour + 1), "ttl must be 100ms to 24h0m0s, not 24h0m0.000000001s"},
		{"no TTL", func(c *check) { c.ttl(nil) }, "ttl is missing; give 100ms to 24h0m0s"},
		{"lease", func(c *check) { c.lease("lease_id", 1) }, ""},
		{"no lease", func(c *check) { c.lease("lease_id", 0) }, "lease_id must be that of a lease, above 0, not 0"},
		{"negative lease", func(c *check) { c.optionalLease("lease_id", -1) }, "lease_id must be that of a lease, or 0 for none, not -1"},
		{"token", func(c *check) { c.token("token", 0) }, "token must be the number that the grant gave, above 0, not 0"},
		{"page", func(c *check) { c.page("limit", 1000) }, ""},
		{"large page", func(c *check) { c.page("limit", 1001) }, "limit must be 0 (for 100) to 1000, not 1001"},
		{"negative page", func(c *check) { c.page("limit", -1) }, "limit must be 0 (for 100) to 1000, not -1"},
		{"priority", func(c *check) { c.priority(-1000) }, ""},
		{"high priority", func(c *check) { c.priority(1001) }, "priority must be -1000 to 1000, not 1001"},
		{"revision", func(c *check) { c.revision("revision", -1) }, "revision must be 0 or more, not -1"},
		{"unknown state", func(c *check) { known(c, "state", conclavev1.JobState(99), conclavev1.JobState_name) }, "state has no value 99"},
	})
}

func labels(n, size int) map[string]string {
	m := make(map[string]string)
	for i := range n {
		m[strings.Repeat("k", i+1)] = long(size)
	}
	return m
}

func TestValueRules(t *testing.T) {
	text := func(n, limit int) func(*check) {
		v := &conclavev1.Value{Kind: &conclavev1.Value_Text{Text: long(n)}}
		return func(c *check) { c.value("value", v, limit) }
	}
	json := func(v *structpb.Value) func(*check) {
		return func(c *check) {
			c.value("value", &conclavev1.Value{Kind: &conclavev1.Value_Json{Json: v}}, maxValueBytes)
		}
	}
	deep := structpb.NewNullValue()
	for range maxValueDepth {
		deep = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{deep}})
	}
	span := func(s *conclavev1.Span) func(*check) { return func(c *check) { c.span(s) } }
	card := func(card *conclavev1.Card) func(*check) { return func(c *check) { c.card(card) } }
	testRules(t, []rule{
		{"value", text(1<<20, maxValueBytes), ""},
		{"large value", text(1<<20+1, maxValueBytes), "value may have 1048576 bytes, not 1048577"},
		{"large leader value", text(64<<10+1, maxSmallBytes), "value may have 65536 bytes, not 65537"},
		{"whole number", json(structpb.NewNumberValue(1 << 53)), ""},
		{"number that loses digits", json(structpb.NewNumberValue(1 << 60)), "value.json has the number 1.152921504606847e+18, which JSON numbers do not keep exactly; give it as a string, or the whole value as text"},
		{"NaN", json(structpb.NewNumberValue(math.NaN())), "value.json has the number NaN, which JSON numbers do not keep exactly; give it as a string, or the whole value as text"},
		{"empty JSON", json(&structpb.Value{}), "value.json has an empty value"},
		{"deep JSON", json(deep), "value.json is nested more than 100 deep"},
		{"key", span(&conclavev1.Span{Key: long(4096)}), ""},
		{"all keys", span(&conclavev1.Span{Extent: &conclavev1.Span_Prefix{Prefix: true}}), ""},
		{"no span", span(nil), "span is missing; give a key, and prefix, end or from_key for more than one"},
		{"no key", span(&conclavev1.Span{}), "span.key is missing; give 1 to 4096 bytes"},
		{"long key", span(&conclavev1.Span{Key: long(4097)}), "span.key may have 4096 bytes, not 4097"},
		{"long prefix", span(&conclavev1.Span{Key: long(4097), Extent: &conclavev1.Span_Prefix{Prefix: true}}), "span.key may have 4096 bytes, not 4097"},
		{"empty range", span(&conclavev1.Span{Key: "b", Extent: &conclavev1.Span_End{End: "b"}}), "span.end must come after span.key; the span has no keys"},
		{"card", card(&conclavev1.Card{Identity: "worker-7", Labels: labels(64, 10)}), ""},
		{"identity", card(&conclavev1.Card{Identity: long(257)}), "card.identity may have 256 bytes, not 257"},
		{"purpose", card(&conclavev1.Card{Purpose: long(1025)}), "card.purpose may have 1024 bytes, not 1025"},
		{"many labels", card(&conclavev1.Card{Labels: labels(65, 0)}), "card.labels may have 64 entries, not 65"},
		{"large labels", card(&conclavev1.Card{Labels: map[string]string{"k": long(4096)}}), "card.labels may have 4096 bytes in all keys and values, not 4097"},
		{"label without key", card(&conclavev1.Card{Labels: map[string]string{"": "x"}}), "card.labels has an entry without a key"},
		{"guard", func(c *check) { c.guards([]*conclavev1.Guard{{}}) }, "guards has an entry without mutex, election or claim"},
		{"many guards", func(c *check) { c.guards(make([]*conclavev1.Guard, 17)) }, "guards may have 16 entries, not 17"},
		{"value and ignore_value", func(c *check) {
			c.put(&conclavev1.PutRequest{Key: "a", Value: &conclavev1.Value{}, IgnoreValue: true})
		}, "value and ignore_value exclude each other; give one of them"},
		{"lease and ignore_lease", func(c *check) {
			c.put(&conclavev1.PutRequest{Key: "a", LeaseId: 1, IgnoreLease: true})
		}, "lease_id and ignore_lease exclude each other; give one of them"},
	})
}
