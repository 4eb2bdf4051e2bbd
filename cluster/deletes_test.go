package cluster

import (
	"slices"
	"testing"
	"time"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

func deleted(key, rangeEnd string) *logv1.TxnOp {
	return &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: &logv1.DeleteRange{Key: []byte(key), RangeEnd: []byte(rangeEnd)}}}
}

func nested(txn *logv1.Txn) *logv1.TxnOp { return &logv1.TxnOp{Op: &logv1.TxnOp_Txn{Txn: txn}} }

// All that a command may delete counts, whichever branch is taken, and nothing else
// is asked for.
func TestWhatACommandMoves(t *testing.T) {
	var asked []string
	b := &batcher{keyBytes: func(namespace uint32, key, rangeEnd []byte) int64 {
		if namespace != 7 {
			t.Errorf("asked of namespace %d", namespace)
		}
		asked = append(asked, string(key)+"-"+string(rangeEnd))
		return 10
	}}
	imported := func(key string) *logv1.ImportedChange {
		return &logv1.ImportedChange{Change: &logv1.ImportedChange_Delete{Delete: &logv1.ImportedDelete{Key: []byte(key)}}}
	}
	for _, c := range []struct {
		command *logv1.Command
		want    []string
	}{
		{&logv1.Command{Body: &logv1.Command_DeleteRange{DeleteRange: deleted("a", "b").GetDeleteRange()}}, []string{"a-b"}},
		{&logv1.Command{Body: &logv1.Command_Txn{Txn: &logv1.Txn{
			Success: []*logv1.TxnOp{deleted("a", ""), nested(&logv1.Txn{Failure: []*logv1.TxnOp{deleted("b", "c")}})},
			Failure: []*logv1.TxnOp{deleted("d", "\x00")},
		}}}, []string{"a-", "b-c", "d-\x00"}},
		{&logv1.Command{Body: &logv1.Command_ImportKeys{ImportKeys: &logv1.ImportKeys{Revisions: []*logv1.ImportedRevision{
			{Changes: []*logv1.ImportedChange{imported("a")}}, {Changes: []*logv1.ImportedChange{imported("b")}},
		}}}}, []string{"a-", "b-"}},
		{&logv1.Command{Body: &logv1.Command_Put{Put: &logv1.Put{Key: []byte("a")}}}, nil},
		{&logv1.Command{Body: &logv1.Command_Compact{Compact: &logv1.Compact{Revision: 3}}}, nil},
		{&logv1.Command{Body: &logv1.Command_RevokeLease{RevokeLease: &logv1.RevokeLease{LeaseId: 3}}}, nil},
	} {
		c.command.NamespaceId, c.command.RequestId = 7, &logv1.RequestId{Client: "c", Sequence: 1}
		asked = nil
		if moved := b.moved(encodeCommand(c.command)); moved != int64(10*len(c.want)) || !slices.Equal(asked, c.want) {
			t.Errorf("%T: %d bytes of %q, want those of %q", c.command.GetBody(), moved, asked, c.want)
		}
	}
	if b.moved([]byte{0xFF}) != 0 || b.moved(nil) != 0 {
		t.Error("what cannot be read moves something")
	}
}

// The numbers of the fields are those of the message.
func TestKindsThatDelete(t *testing.T) {
	fields := new(logv1.Command).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for name, number := range map[string]int{"delete_range": deleteRangeField, "txn": txnField, "import_keys": importKeysField} {
		if field := fields.ByTextName(name); field == nil || int(field.Number()) != number {
			t.Errorf("%s is not field %d", name, number)
		}
	}
}

// What was granted counts until the disks show it, and no longer.
func TestGrantsPass(t *testing.T) {
	var r room
	start := time.Now()
	r.look(&DiskRoom{Free: 250, Least: 100}, start) // 100 to spare
	for _, step := range []struct {
		after time.Duration
		bytes int64
		want  bool
	}{
		{0, 101, false},
		{0, 60, true},
		{0, 41, false},
		{grantLasts - 1, 40, true},
		{grantLasts, 1, false},
		{2*grantLasts - 1, 1, false},
		{2 * grantLasts, 100, true},
		{3*grantLasts + 1, 1, false},
		{5*grantLasts + 1, 100, true},
	} {
		if got := r.grant(step.bytes, start.Add(step.after)); got != step.want {
			t.Errorf("%d bytes after %v: %v, want %v", step.bytes, step.after, got, step.want)
		}
	}
	r.giveBack(30)
	if now := start.Add(5*grantLasts + 1); r.grant(31, now) || !r.grant(30, now) {
		t.Error("what was given back is not there again")
	}
}

// Of what others say, the least counts, as long as it is believed.
func TestSpareOfOthers(t *testing.T) {
	var r room
	now := time.Now()
	want := func(when time.Duration, want int64) {
		t.Helper()
		r.mu.Lock()
		defer r.mu.Unlock()
		if got := r.spareLocked(now.Add(when)); got != want {
			t.Errorf("%d bytes to spare, want %d", got, want)
		}
	}
	told := func(bytes int64) *int64 { return &bytes }
	r.holds(1)
	r.look(&DiskRoom{Free: 1050, Least: 100}, now)
	want(0, 500)
	r.toldSpare("b", told(300), now)
	r.toldSpare("c", told(400), now.Add(time.Second))
	want(0, 300)
	want(peerRoomLasts, 400)
	want(peerRoomLasts+time.Second, 500)
	if r.tight.Load() {
		t.Error("deletes are looked at although there is room for any")
	}
	r.toldSpare("b", told(1), now)
	if !r.tight.Load() {
		t.Error("deletes are not looked at although a node has little room")
	}
	r.toldSpare("b", nil, now)
	want(0, 400)
	if r.tight.Load() {
		t.Error("deletes are looked at because of a node that does not know its room")
	}
}

// Commands that are not taken leave to others what they were granted.
func TestGrantsOfCommandsNotTaken(t *testing.T) {
	r := new(room)
	r.look(&DiskRoom{Free: 250<<20 + 1, Least: 100 << 20}, time.Now())
	b := newBatcher(nil, newLogClock(), r, func(uint32, []byte, []byte) int64 { return 80 << 20 }, &Config{MaxQueuedOps: 3, MaxQueuedBytes: 1 << 20})
	command := encodeCommand(&logv1.Command{Body: &logv1.Command_DeleteRange{DeleteRange: &logv1.DeleteRange{Key: []byte("k")}}})
	if _, err := b.submit(nil, command); err == nil {
		t.Fatal("a batcher that is closed takes a command")
	}
	b.open(1)
	places, err := b.submit(nil, command, command)
	if err != nil || places[0].batch == refusedForSpace || places[1].batch != refusedForSpace {
		t.Errorf("%v, %v: want the first to be taken and the second to be refused", places, err)
	}
}
