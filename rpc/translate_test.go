package rpc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Enumerations of the API are cast to those of the log and back.
func TestEnumerationsAreTheSame(t *testing.T) {
	for _, pair := range [][2]protoreflect.Enum{
		{conclavev1.SortOrder(0), logv1.SortOrder(0)},
		{conclavev1.SortTarget(0), logv1.SortTarget(0)},
		{conclavev1.CompareTarget(0), logv1.CompareTarget(0)},
		{conclavev1.CompareOperator(0), logv1.CompareOperator(0)},
		{conclavev1.JobState(0), logv1.JobState(0)},
		{conclavev1.InstanceStatus(0), logv1.InstanceStatus(0)},
		{conclavev1.Lost_Kind(0), logv1.LostEvent_Kind(0)},
	} {
		public, logged := pair[0].Descriptor().Values(), pair[1].Descriptor().Values()
		if public.Len() != logged.Len() {
			t.Errorf("%s has %d values in the API and %d in the log", pair[0].Descriptor().Name(), public.Len(), logged.Len())
			continue
		}
		for i := range public.Len() {
			if a, b := public.Get(i), logged.Get(i); a.Name() != b.Name() || a.Number() != b.Number() {
				t.Errorf("%s = %d in the API is %s = %d in the log", a.Name(), a.Number(), b.Name(), b.Number())
			}
		}
	}
}

func TestValues(t *testing.T) {
	fields, err := structpb.NewValue(map[string]any{"z": 1.0, "a": []any{"<&>", nil, 1.5}, "m": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		give   *conclavev1.Value
		stored string
		shown  *conclavev1.Value
	}{
		{nil, "", &conclavev1.Value{Kind: &conclavev1.Value_Text{}}},
		{&conclavev1.Value{Kind: &conclavev1.Value_Text{Text: "ä"}}, "ä", &conclavev1.Value{Kind: &conclavev1.Value_Text{Text: "ä"}}},
		{&conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: []byte("a")}}, "a", &conclavev1.Value{Kind: &conclavev1.Value_Text{Text: "a"}}},
		{&conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: []byte{0xff}}}, "\xff", &conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: []byte{0xff}}}},
		{&conclavev1.Value{Kind: &conclavev1.Value_Json{Json: fields}}, `{"a":["<&>",null,1.5],"m":{},"z":1}`,
			&conclavev1.Value{Kind: &conclavev1.Value_Text{Text: `{"a":["<&>",null,1.5],"m":{},"z":1}`}}},
		{&conclavev1.Value{Kind: &conclavev1.Value_Json{Json: structpb.NewNumberValue(1 << 53)}}, "9007199254740992",
			&conclavev1.Value{Kind: &conclavev1.Value_Text{Text: "9007199254740992"}}},
	} {
		stored := valueBytes(test.give)
		if string(stored) != test.stored {
			t.Errorf("%v is stored as %q, want %q", test.give, stored, test.stored)
		}
		if diff := cmp.Diff(test.shown, value(stored), protocmp.Transform()); diff != "" {
			t.Errorf("%q: %s", stored, diff)
		}
	}
}

func TestSpans(t *testing.T) {
	prefix := &conclavev1.Span_Prefix{Prefix: true}
	from := &conclavev1.Span_FromKey{FromKey: true}
	for _, test := range []struct {
		span     *conclavev1.Span
		key, end string
	}{
		{&conclavev1.Span{Key: "a"}, "a", ""},
		{&conclavev1.Span{Key: "a", Extent: &conclavev1.Span_Prefix{}}, "a", ""},
		{&conclavev1.Span{Key: "a", Extent: &conclavev1.Span_End{End: "b"}}, "a", "b"},
		{&conclavev1.Span{Key: "a/", Extent: prefix}, "a/", "a0"},
		{&conclavev1.Span{Extent: prefix}, "\x00", "\x00"},
		{&conclavev1.Span{Key: "a", Extent: from}, "a", "\x00"},
		{&conclavev1.Span{Extent: from}, "\x00", "\x00"},
	} {
		if key, end := keyRange(test.span); string(key) != test.key || string(end) != test.end {
			t.Errorf("%v is [%q, %q), want [%q, %q)", test.span, key, end, test.key, test.end)
		}
	}
	for prefix, end := range map[string]string{"a": "b", "a\xff": "b", "\xff\xff": "\x00", "a\xff\xfe": "a\xff\xff"} {
		if got := string(prefixEnd([]byte(prefix))); got != end {
			t.Errorf("after all keys with %q comes %q, want %q", prefix, got, end)
		}
	}
}

// A key that is not text keeps its bytes.
func TestBinaryKeys(t *testing.T) {
	got := keyValue(&logv1.KeyValue{Key: []byte{'a', 0xff}, Value: []byte("v"), ModRevision: 3})
	want := &conclavev1.KeyValue{KeyBytes: []byte{'a', 0xff}, Value: value([]byte("v")), ModRevision: 3}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if got := printable([]byte{'a', 0xff}); got != `"a\xff"` {
		t.Errorf("printed as %s", got)
	}
}

// No bound that a caller gives is cut short, and 0 stays 0.
func TestDurations(t *testing.T) {
	for give, want := range map[time.Duration]int64{0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Hour: 3_600_000} {
		if got := millis(durationpb.New(give)); got != want {
			t.Errorf("%v is %d ms, want %d", give, got, want)
		}
	}
	if millis(nil) != 0 || waitMillis(nil, false) != 0 || waitMillis(nil, true) >= 0 {
		t.Error("absent is 0, for ever is below 0")
	}
}

func TestBackoff(t *testing.T) {
	for _, test := range []struct {
		give         *conclavev1.Backoff
		initial, max int64
	}{
		{nil, 0, 0},
		{&conclavev1.Backoff{Initial: durationpb.New(0)}, -1, 0},
		{&conclavev1.Backoff{Initial: durationpb.New(time.Second), Max: durationpb.New(time.Minute)}, 1000, 60_000},
	} {
		cmd := enqueueCommand(&conclavev1.EnqueueRequest{Queue: "q", Backoff: test.give})
		if cmd.GetBackoffMs() != test.initial || cmd.GetMaxBackoffMs() != test.max {
			t.Errorf("%v: %d and %d ms", test.give, cmd.GetBackoffMs(), cmd.GetMaxBackoffMs())
		}
	}
	if cmd := nackJobCommand(&conclavev1.NackJobRequest{}); cmd.GetDelayMs() != -1 {
		t.Errorf("no delay is %d, want the job's own back-off", cmd.GetDelayMs())
	}
	if cmd := nackJobCommand(&conclavev1.NackJobRequest{Delay: durationpb.New(0)}); cmd.GetDelayMs() != 0 {
		t.Errorf("a delay of 0 is %d", cmd.GetDelayMs())
	}
}

// A large answer is cut at whole keys, and says so.
func TestRangeIsCut(t *testing.T) {
	result := &logv1.RangeResult{Count: 9}
	for range 9 {
		result.Kvs = append(result.Kvs, &logv1.KeyValue{Key: []byte("k"), Value: make([]byte, 1<<19)})
	}
	got := rangeResponse(1, result, false)
	if len(got.GetKvs()) != 7 || !got.GetMore() || got.GetCount() != 9 {
		t.Errorf("%d keys, more %v, count %d", len(got.GetKvs()), got.GetMore(), got.GetCount())
	}
}
