package conclave

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"

	"google.golang.org/protobuf/proto"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// turnedAway is what a node says to a connection that it has no room for, as an error
// of the API without a call; nil: it is another answer.
func turnedAway(res *http.Response) *Error {
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Content-Type") != "application/json" {
		return nil
	}
	var failure struct {
		Message string
		Details []struct{ Type, Value string }
	}
	if json.NewDecoder(io.LimitReader(res.Body, maxUpgradeBytes)).Decode(&failure) != nil || len(failure.Details) != 1 {
		return nil
	}
	var info conclavev1.ErrorInfo
	value, err := base64.RawStdEncoding.DecodeString(failure.Details[0].Value)
	if err != nil || failure.Details[0].Type != string(info.ProtoReflect().Descriptor().FullName()) ||
		proto.Unmarshal(value, &info) != nil || info.GetReason() != conclavev1.ErrorReason_ERROR_REASON_OVERLOADED {
		return nil
	}
	e := fromInfo(failure.Message, &info)
	e.crowded = true
	return e
}
