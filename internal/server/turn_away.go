package server

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

const (
	// maxLeaving is how many connections that are turned away may wait for their
	// answer beyond the limit. For one more the oldest goes without.
	maxLeaving = 256
	// leaveIn is how long one may take to ask something and hear the answer.
	leaveIn = time.Second
	// comeAgain is when there may be room again.
	comeAgain = time.Second
)

// turnedAway is what who comes too late is told: HTTP with an error of the API,
// which clients understand like one of a call.
var turnedAway = turnedAwayAnswer()

func turnedAwayAnswer() []byte {
	info, err := proto.Marshal(&conclavev1.ErrorInfo{
		Reason:     conclavev1.ErrorReason_ERROR_REASON_OVERLOADED,
		RetryAfter: durationpb.New(comeAgain),
	})
	if err != nil {
		panic(err) // it is the same each time
	}
	body := fmt.Sprintf(`{"code":"unavailable","message":"nothing happened, because this node has too many connections; use another node, or try again in %v",`+
		`"details":[{"type":"conclave.v1.ErrorInfo","value":%q,"debug":{"reason":"ERROR_REASON_OVERLOADED"}}]}`+"\n",
		comeAgain, base64.RawStdEncoding.EncodeToString(info))
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: %.0f\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", comeAgain.Seconds(), len(body), body)
}

// turnAway answers a connection that there is no room for, and closes it. It does
// not wait for that.
func (d *door) turnAway(conn net.Conn) {
	leave, _ := d.leaving.Enter(conn)
	go func() {
		defer leave()
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(leaveIn))
		// An answer that comes before its request is none: clients take it for noise
		// on a connection that they do not use yet.
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return
		}
		if _, err := conn.Write(turnedAway); err != nil {
			return
		}
		// A connection that is closed with something unread is reset, and the answer
		// may be lost with it.
		if half, ok := conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
			return
		}
		_, _ = io.Copy(io.Discard, conn)
	}()
}
