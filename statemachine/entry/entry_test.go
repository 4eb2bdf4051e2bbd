package entry

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files again")

// sample has one batch whose encoding is fixed: no field in it is a map.
func sample() (*logv1.Header, []*logv1.Command) {
	return &logv1.Header{Epoch: 7, ClockMs: 1_234_567, WallMs: 1_700_000_000_123, BatchId: 99}, []*logv1.Command{
		{
			NamespaceId: 1,
			RequestId:   &logv1.RequestId{Client: "client-a", Sequence: 3, DoneBelow: 2},
			Body:        &logv1.Command_Put{Put: &logv1.Put{Key: []byte("k"), Value: []byte("v"), LeaseId: 5}},
		},
		{
			NamespaceId: 1,
			Body: &logv1.Command_AcquireMutex{AcquireMutex: &logv1.AcquireMutex{
				Name: "invoice/42", LeaseId: 5, WaitMs: -1, Card: &logv1.Card{Identity: "worker-7"},
			}},
		},
		{},
	}
}

func TestRoundTrip(t *testing.T) {
	header, commands := sample()
	got, err := Decode(Append(nil, header, commands...))
	if err != nil {
		t.Fatal(err)
	}
	want := Entry{Header: header, Commands: commands}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("decoded entry differs (-want +got):\n%s", diff)
	}
}

// A batcher adds commands that are encoded already, one by one.
func TestEncodedCommandsMakeTheSameEntry(t *testing.T) {
	header, commands := sample()
	piecewise := AppendHeader([]byte("kept"), header)
	for _, command := range commands {
		raw, err := command.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		piecewise = AppendEncoded(piecewise, raw)
	}
	if whole := Append([]byte("kept"), header, commands...); !bytes.Equal(whole, piecewise) {
		t.Errorf("whole %x, piecewise %x", whole, piecewise)
	}
}

// Promise S4: the format of written entries does not change.
func TestGolden(t *testing.T) {
	path := filepath.Join("testdata", "entry_v1.hex")
	header, commands := sample()
	encoded := Append(nil, header, commands...)
	if *rewrite {
		if err := os.WriteFile(path, []byte(hex.Dump(encoded)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), hex.Dump(encoded)); diff != "" {
		t.Errorf("the log entry format changed (-golden +now):\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	header, commands := sample()
	good := Append(nil, header, commands...)
	cases := map[string]struct {
		data []byte
		want error
	}{
		"empty":             {nil, ErrMalformed},
		"future version":    {[]byte{2, 0}, ErrVersion},
		"no header":         {[]byte{Version}, ErrMalformed},
		"cut off":           {good[:len(good)-2], ErrMalformed},
		"endless length":    {[]byte{Version, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, ErrMalformed},
		"length too long":   {[]byte{Version, 0xFF, 0xFF, 0x7F}, ErrMalformed},
		"header is garbage": {[]byte{Version, 2, 0xFF, 0xFF}, ErrMalformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Decode(c.data); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestVersionErrorNamesBothVersions(t *testing.T) {
	_, err := Decode([]byte{9})
	if err == nil || !strings.Contains(err.Error(), "format 9, this program knows 1") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	header, commands := sample()
	f.Add(Append(nil, header, commands...))
	f.Add(Append(nil, &logv1.Header{}))
	f.Add([]byte{Version, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Decode(Append(nil, e.Header, e.Commands...))
		if err != nil {
			t.Fatalf("an entry that decoded does not decode when encoded again: %v", err)
		}
		if len(again.Commands) != len(e.Commands) {
			t.Fatalf("%d commands became %d", len(e.Commands), len(again.Commands))
		}
	})
}

// Dragonboat may use the bytes of an entry again once it is applied.
func TestDecodedEntryDoesNotReferToItsBytes(t *testing.T) {
	header, commands := sample()
	data := Append(nil, header, commands...)
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = 0xFF
	}
	if again := Append(nil, got.Header, got.Commands...); !bytes.Equal(again, Append(nil, header, commands...)) {
		t.Errorf("the entry changed with its bytes: %v", got.Commands)
	}
}
