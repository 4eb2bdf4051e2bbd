package process

import (
	"slices"
	"strings"
	"testing"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// A judge that finds nothing proves something only if it would find what is
// wrong. So each finding is provoked once, by damaging what is right in one way.
func TestJudgesFindWhatIsWrong(t *testing.T) {
	if wrong := sound().judge(); len(wrong) > 0 {
		t.Fatalf("a sound run is found wrong: %q", wrong)
	}
	for _, c := range []struct {
		want   string
		damage func(*smallRun)
	}{
		{"lost: load/shared/1=a", func(r *smallRun) { r.log = slices.Delete(r.log, 0, 1) }},
		{"load/shared/1=a took effect at 2 and again at 9", func(r *smallRun) { r.tell(9, "load/shared/1", "a") }},
		{"was acknowledged at 3 and is there at 2", func(r *smallRun) { r.writes[0].revision = 3 }},
		{"is under the key load/shared/1", func(r *smallRun) { r.writes[0].key = "load/put/x" }},
		{"was refused and is there", func(r *smallRun) { r.writes[0].outcome = refused }},
		{"nobody wrote load/shared/2=z", func(r *smallRun) { r.tell(9, "load/shared/2", "z") }},
		{"has revision 3 although", func(r *smallRun) { r.writes[1].call, r.writes[1].ret = at(90), at(91) }},
		{"was read as \"old\" and was \"a\"", func(r *smallRun) { r.reads[0].value = "old" }},
		{"a read of load/shared/1 has revision 2 although", func(r *smallRun) { r.reads[0].call, r.reads[0].ret = at(90), at(91) }},
		{"load/counter/0 goes from 1 to \"1 by w\"", func(r *smallRun) {
			r.tell(9, "load/counter/0", "1 by w")
			r.writes = append(r.writes, write{key: "load/counter/0", value: "1 by w", outcome: unknown})
		}},
		{"token 6 was given for m and for m", func(r *smallRun) { r.holds[0].token = 6 }},
		{"m was held with token 5 until", func(r *smallRun) { r.holds[0].left = at(90) }},
		{"a hold of m has revision 5 although", func(r *smallRun) { r.holds[0].token, r.holds[1].token, r.holds[1].call = 6, 5, at(13) }},
		{"lost: job 1 \"job\" was never finished", func(r *smallRun) { r.acks = nil }},
		{"job 1 was acknowledged again", func(r *smallRun) { r.acks = append(r.acks, r.acks[0]) }},
		{"was claimed and never enqueued", func(r *smallRun) { r.claims[0].body = "another" }},
		{"job 1 was claimed twice with receipt 7", func(r *smallRun) { r.claims = append(r.claims, r.claims[0]) }},
		{"have the id 1", func(r *smallRun) { r.enqueues = append(r.enqueues, enqueuing{body: "second", id: 1}) }},
		{"load/done/1 was written at 8 and again at 9", func(r *smallRun) { r.tell(9, "load/done/1", "again") }},
		{"the watch missed the last 1", func(r *smallRun) { r.live = r.live[:len(r.live)-1] }},
		{"the watch told 1 changes that are not there", func(r *smallRun) { r.live = append(r.live, r.live[0]) }},
		{"and the watch told", func(r *smallRun) { r.live = slices.Delete(r.live, 1, 2) }},
		{"the session is lost", func(r *smallRun) { r.complain(conclave.ErrSessionLost) }},
	} {
		r := sound()
		c.damage(r)
		wrong := r.judge()
		if !slices.ContainsFunc(wrong, func(s string) bool { return strings.Contains(s, c.want) }) {
			t.Errorf("want a finding with %q, got %q", c.want, wrong)
		}
	}
}

// smallRun is a small run with one of everything.
type smallRun struct {
	*history
	live, log []conclave.Event
}

func (r *smallRun) judge() []string { return r.history.judge(r.live, r.log) }

// tell adds a change to the log and the watch.
func (r *smallRun) tell(revision conclave.Revision, key, value string) {
	event := conclave.Event{Type: conclave.EventPut, Revision: revision, KV: conclave.KV{Key: key, Value: []byte(value), Modified: revision}}
	r.log, r.live = append(r.log, event), append(r.live, event)
}

func at(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

func sound() *smallRun {
	r := &smallRun{history: newHistory()}
	r.writes = []write{
		{"load/shared/1", "a", at(1), at(2), 2, acked},
		{"load/shared/1", "b", at(5), at(6), 3, acked},
		{"load/shared/1", "c", at(7), at(70), 0, unknown},
		{"load/shared/1", "d", at(7), at(8), 0, refused},
		{"load/counter/0", "1 by v", at(9), at(10), 4, acked},
		{"load/done/1", "x", at(40), at(41), 8, acked},
	}
	r.tell(2, "load/shared/1", "a")
	r.tell(3, "load/shared/1", "b")
	r.tell(4, "load/counter/0", "1 by v")
	r.tell(8, "load/done/1", "x")
	r.reads = []reading{{"load/shared/1", "a", at(3), at(4), 2}}
	r.holds = []holding{
		{"m", 5, at(11), at(12), at(13)},
		{"m", 6, at(11), at(14), at(15)},
	}
	r.enqueues = []enqueuing{{"job", 1, acked}}
	r.claims = []claiming{{1, "job", 7, at(20), at(21)}}
	r.acks = []acking{{1, 7, acked}}
	return r
}
