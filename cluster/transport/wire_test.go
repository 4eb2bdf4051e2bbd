package transport

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The bytes of version 1. They may never change: nodes of two releases meet
// during an upgrade.
func TestHandshakeBytes(t *testing.T) {
	self := Hello{ClusterID: 1, Incarnation: 2, Generation: 3, Name: "n1"}
	hello := sealHandshake([]byte(magic), kindHello, self.appendTo)
	reply := sealHandshake(nil, kindAnswer, answer{verdict: refused, reason: "no", from: self}.appendTo)
	const body = "0000000000000001" + "0000000000000002" + "0000000000000003" + "0002" + "6e31"
	for _, c := range []struct{ name, got, want string }{
		{"hello", hex.EncodeToString(hello), "434e434c5652310a" + "0101001c" + body + "2ff7ff7b"},
		{"answer", hex.EncodeToString(reply), "01020021" + "02" + "0002" + "6e6f" + body + "33dc2107"},
	} {
		if c.got != c.want {
			t.Errorf("%s is\n%s, want\n%s", c.name, c.got, c.want)
		}
	}
}

func TestHandshakeRoundTrip(t *testing.T) {
	want := answer{verdict: notNow, reason: strings.Repeat("r", 2*maxReasonLen), from: Hello{
		ClusterID: 1 << 63, Incarnation: 5, Generation: 6, Name: strings.Repeat("n", maxNameLen),
	}}
	body, err := readHandshake(bytes.NewReader(sealHandshake(nil, kindAnswer, want.appendTo)), kindAnswer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseAnswer(append(body, "of a later version"...))
	if err != nil {
		t.Fatal(err)
	}
	want.reason = want.reason[:maxReasonLen]
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
		t.Error(diff)
	}
	for n := range body {
		if n >= len(body)-len("of a later version") {
			break
		}
		if _, err := parseAnswer(body[:n]); err == nil {
			t.Fatalf("an answer cut at %d of %d was accepted", n, len(body))
		}
	}
}

// What a node says of its starts comes after what older versions know.
func TestHelloWithStarts(t *testing.T) {
	want := Hello{ClusterID: 1, Incarnation: 2, Generation: 3, Name: "n", Start: 4, Starts: Starts{5, 6}}
	body := want.appendTo(nil)
	older := want
	older.Start, older.Starts = 0, Starts{}
	prefix := hex.EncodeToString(older.appendTo(nil))
	wantBytes := prefix + "0000000000000004" + "0000000000000005" + "0000000000000006" + strings.Repeat("00", 30*8)
	if got := hex.EncodeToString(body); got != wantBytes {
		t.Errorf("a hello is\n%s, want\n%s", got, wantBytes)
	}
	got, err := parseHello(body)
	if err != nil || got != want {
		t.Errorf("read back it is %+v, %v", got, err)
	}
}

func TestFrameHeaderBytes(t *testing.T) {
	f := append(make([]byte, frameHeaderLen), "payload"...)
	frameHeader(f, chunkFrame)
	if got, want := hex.EncodeToString(f[:frameHeaderLen]), "02"+"00000007"+"fc071b24"; got != want {
		t.Errorf("frame header is %s, want %s", got, want)
	}
}

// A length is a claim: memory is taken only for bytes that arrived.
func TestRegressionDragonboatClaimedLengthCostsNothing(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		defer there.Close()
		header := make([]byte, frameHeaderLen)
		header[0] = byte(batchFrame)
		binary.BigEndian.PutUint32(header[1:], maxBatchLen)
		_, _ = there.Write(append(header, "only this"...))
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := newFrameReader(here).next()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("next: %v", err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
		t.Errorf("a claim of 65 MiB cost %d bytes", grown)
	}
}

func FuzzDecode(f *testing.F) {
	batch := testBatch(clusterNode("n1"))
	payload, err := batch.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	chunk := testChunk(0)
	chunkPayload, err := chunk.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Add(chunkPayload)
	f.Add(sealHandshake(nil, kindHello, clusterNode("n1").appendTo))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeBatch(b)
		if c, err := decodeChunk(b); err == nil {
			_ = new(chunkOrder).vet(c)
		}
		if body, err := readHandshake(bytes.NewReader(b), kindHello); err == nil {
			_, _ = parseHello(body)
		}
		_, _ = parseAnswer(b)
	})
}
