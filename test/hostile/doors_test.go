package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
)

// callTimeout is how long a request has; those that wait end by it.
const callTimeout = 400 * time.Millisecond

// door is a way in.
type door struct {
	name string
	// fits says whether a method is served there.
	fits func(method) bool
	// json says that the door wants the request as text.
	json bool
	// send returns the code, in gRPC's words, and what was said.
	send func(ctx context.Context, m method, body []byte) (codes.Code, string, error)
}

func doors(t *testing.T, n *node) []door {
	t.Helper()
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	client, etcd := dial(t, n.client), dial(t, n.etcd)
	t.Cleanup(web.CloseIdleConnections)
	native := func(m method) bool { return m.native && !m.streaming }
	foreign := func(m method) bool { return !m.native }
	return []door{
		{"connect", native, false, post(web, "http://"+n.client, "application/proto")},
		{"json", native, true, post(web, "http://"+n.client, "application/json")},
		{"grpc", func(m method) bool { return m.native }, false, invoke(client)},
		{"etcd", foreign, false, invoke(etcd)},
		{"etcd on the client port", foreign, false, invoke(client)},
		{"gateway", func(m method) bool { return gatewayPath(m) != "" }, true, gateway(web, "http://"+n.etcd)},
	}
}

func doorNames(ways []door) (names []string) {
	for i := range ways {
		names = append(names, ways[i].name)
	}
	return names
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string                  { return "proto" }
func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(data)
	return nil
}

var _ encoding.Codec = rawCodec{}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// invoke calls over gRPC. Of a stream the first answer counts.
func invoke(conn *grpc.ClientConn) func(context.Context, method, []byte) (codes.Code, string, error) {
	return func(ctx context.Context, m method, body []byte) (codes.Code, string, error) {
		var out []byte
		var err error
		if m.streaming {
			out, err = converse(ctx, conn, m, body)
		} else {
			err = conn.Invoke(ctx, m.path, &body, &out)
		}
		s := status.Convert(err)
		if err != nil {
			return s.Code(), s.Message(), nil
		}
		return codes.OK, string(out), nil
	}
}

func converse(ctx context.Context, conn *grpc.ClientConn, m method, body []byte) (out []byte, err error) {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, m.path)
	if err != nil {
		return nil, err
	}
	if err = stream.SendMsg(&body); err == nil {
		err = stream.CloseSend()
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = stream.RecvMsg(&out)
	}
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	return out, err
}

// words of Connect and of HTTP for gRPC's codes.
var connectWords = map[string]codes.Code{
	"canceled": codes.Canceled, "unknown": codes.Unknown, "invalid_argument": codes.InvalidArgument,
	"deadline_exceeded": codes.DeadlineExceeded, "not_found": codes.NotFound, "already_exists": codes.AlreadyExists,
	"permission_denied": codes.PermissionDenied, "resource_exhausted": codes.ResourceExhausted,
	"failed_precondition": codes.FailedPrecondition, "aborted": codes.Aborted, "out_of_range": codes.OutOfRange,
	"unimplemented": codes.Unimplemented, "internal": codes.Internal, "unavailable": codes.Unavailable,
	"data_loss": codes.DataLoss, "unauthenticated": codes.Unauthenticated,
}

var codeWord = regexp.MustCompile(`"code":\s*(?:"([a-z_]+)"|(\d+))`)

// codeOf is the code in the body of an answer over HTTP.
func codeOf(res *http.Response, body []byte) codes.Code {
	if res.StatusCode/100 == 2 {
		return codes.OK
	}
	if m := codeWord.FindSubmatch(body); m != nil {
		if code, ok := connectWords[string(m[1])]; ok {
			return code
		}
		if n, err := strconv.Atoi(string(m[2])); err == nil {
			return codes.Code(n)
		}
	}
	switch {
	case res.StatusCode == http.StatusRequestEntityTooLarge:
		return codes.ResourceExhausted
	case res.StatusCode/100 == 4:
		return codes.InvalidArgument
	}
	return codes.Internal
}

func post(web *http.Client, base, contentType string) func(context.Context, method, []byte) (codes.Code, string, error) {
	return func(ctx context.Context, m method, body []byte) (codes.Code, string, error) {
		return exchange(ctx, web, http.MethodPost, base+m.path, contentType, body)
	}
}

func exchange(ctx context.Context, web *http.Client, verb, url, contentType string, body []byte) (codes.Code, string, error) {
	req, err := http.NewRequestWithContext(ctx, verb, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Connect-Timeout-Ms", strconv.Itoa(int(callTimeout.Milliseconds())))
	res, err := web.Do(req)
	if errors.Is(err, context.DeadlineExceeded) {
		return codes.DeadlineExceeded, "", nil
	}
	if err != nil {
		return 0, "", fmt.Errorf("%s: %w", url, err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if errors.Is(err, context.DeadlineExceeded) {
		return codes.DeadlineExceeded, "", nil
	}
	return codeOf(res, text), string(text), err
}

// gatewayPath is where etcd's gateway serves a method; empty where it does not.
func gatewayPath(m method) string {
	names := map[string]string{
		"KV": "kv", "Lease": "lease", "Watch": "", "Lock": "lock", "Election": "election",
	}
	service, call, _ := strings.Cut(strings.TrimPrefix(m.path, "/"), "/")
	group := names[service[strings.LastIndex(service, ".")+1:]]
	if group == "" || m.native || m.streaming {
		return ""
	}
	paths := map[string]string{"Compact": "compaction", "LeaseGrant": "grant", "LeaseRevoke": "revoke", "LeaseTimeToLive": "timetolive", "LeaseLeases": "leases"}
	if path := paths[call]; path != "" {
		return "/v3/" + group + "/" + path
	}
	return "/v3/" + group + "/" + strings.ToLower(call)
}

func gateway(web *http.Client, base string) func(context.Context, method, []byte) (codes.Code, string, error) {
	return func(ctx context.Context, m method, body []byte) (codes.Code, string, error) {
		return exchange(ctx, web, http.MethodPost, base+gatewayPath(m), "application/json", body)
	}
}
