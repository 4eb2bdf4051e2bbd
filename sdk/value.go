package conclave

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// textValue sends a string as text where it is text.
func textValue(s string) *conclavev1.Value {
	if utf8.ValidString(s) {
		return &conclavev1.Value{Kind: &conclavev1.Value_Text{Text: s}}
	}
	return &conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: []byte(s)}}
}

func bytesValue(b []byte) *conclavev1.Value {
	return &conclavev1.Value{Kind: &conclavev1.Value_Bytes{Bytes: b}}
}

// valueBytes is the data of an answer. Servers answer with text or bytes; JSON
// is understood as well.
func valueBytes(v *conclavev1.Value) []byte {
	switch kind := v.GetKind().(type) {
	case *conclavev1.Value_Text:
		return []byte(kind.Text)
	case *conclavev1.Value_Bytes:
		return kind.Bytes
	case *conclavev1.Value_Json:
		text, err := protojson.Marshal(kind.Json)
		if err != nil {
			return nil
		}
		return text
	}
	return nil
}
