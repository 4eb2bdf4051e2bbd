package hostile

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "go.etcd.io/etcd/api/v3/etcdserverpb"
	_ "go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	_ "go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"google.golang.org/grpc/codes"

	_ "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

var (
	requests = flag.Int("requests", 10_500, "requests that TestBoundaries makes")
	seed     = flag.Uint64("seed", 1, "what TestBoundaries chooses by")
)

// callers is how many requests are on their way at a time.
const callers = 12

// unknownByDesign are calls whose errors have no code, with the reason.
func unknownByDesign(path string) string {
	if strings.HasPrefix(path, "/v3lockpb.") || strings.HasPrefix(path, "/v3electionpb.") {
		return "etcd serves these with a client of its own, whose errors have no code; its clients know them by their text"
	}
	if path == "/etcdserverpb.Maintenance/Downgrade" {
		return "etcd has no code for an action that it does not know"
	}
	return ""
}

// undecodable begins the message of grpc-go for a request that is no message. Its
// code is Internal with every server that is made with it, etcd's too.
const undecodable = "grpc: error unmarshalling request"

// undecodableInStream is the same of a stream.
const undecodableInStream = "grpc: failed to unmarshal the received message"

// wrong says what is wrong with an answer; empty if nothing is.
func wrong(path string, code codes.Code, said string) string {
	switch code {
	case codes.Unknown:
		if unknownByDesign(path) != "" {
			return ""
		}
		return "no code"
	case codes.Internal, codes.DataLoss:
		if strings.HasPrefix(said, undecodable) || strings.HasPrefix(said, undecodableInStream) {
			return ""
		}
		return "the server takes the fault on itself"
	case codes.Unavailable:
		return "the node is there, and said it was not"
	}
	if strings.Contains(said, "panic") || strings.Contains(said, "goroutine ") {
		return "it shows the inside of the server"
	}
	return ""
}

// sent is a request on its way to a door.
type sent struct {
	number int
	door   *door
	method method
	body   []byte
}

// Whatever a request says, it is answered with a code that is right, and nobody
// else suffers.
func TestBoundaries(t *testing.T) {
	n := start(t)
	by := attend(t, n)
	base := n.resident(t)
	began := time.Now()
	y := newTally()
	work := make(chan sent)
	var calling sync.WaitGroup
	for range callers {
		calling.Go(func() {
			for s := range work {
				ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
				code, said, err := s.door.send(ctx, s.method, s.body)
				cancel()
				y.note(s, code, said, err)
			}
		})
	}
	ways := append(doors(t, n), olderDoor(n))
	made, err := generate(n, ways, y, work)
	close(work)
	calling.Wait()
	if err != nil {
		t.Error(err)
	} else {
		y.faults = append(y.faults, y.hanging(doorNames(ways))...)
	}
	for i, fault := range y.faults {
		if i == 30 {
			t.Errorf("… and %d more", len(y.faults)-i)
			break
		}
		t.Error(fault)
	}
	t.Logf("%d requests in %v with seed %d: %v", made, time.Since(began).Round(time.Millisecond), *seed, y.answers)
	by.judge(t, base)
}

// generate makes requests until there are enough, or the process has ended. The last
// of the doors is that of the v2 API.
func generate(n *node, ways []door, y *tally, work chan<- sent) (made int, err error) {
	b := newBounds(*seed)
	all := methods("conclave.v1", "etcdserverpb", "v3lockpb", "v3electionpb")
	if len(all) < 100 {
		return 0, fmt.Errorf("there are %d methods only", len(all))
	}
	ways, older := ways[:len(ways)-1], &ways[len(ways)-1]
	for round := 0; made < *requests; round++ {
		for _, number := range y.learned() {
			b.learn(number)
		}
		for _, m := range all {
			raw, text, textual := b.encode(b.request(m, round))
			for i := range ways {
				d := &ways[i]
				body := raw
				if d.json {
					body = text
				}
				if !d.fits(m) || d.json && !textual {
					continue
				}
				work <- sent{made, d, m, body}
				made++
			}
			if !n.alive() {
				return made, fmt.Errorf("after %d requests the process ended:\n%s", made, n.tail())
			}
		}
		for range 30 {
			work <- sent{made, older, method{path: b.olderPath()}, []byte(b.form())}
			made++
		}
	}
	return made, nil
}

// olderDoor is etcd's v2 API: the path says which verb, after a space.
func olderDoor(n *node) door {
	web := &http.Client{}
	return door{name: "v2", send: func(ctx context.Context, m method, body []byte) (codes.Code, string, error) {
		verb, path, _ := strings.Cut(m.path, " ")
		target := "http://" + n.etcd + "/v2/keys" + path
		if verb == http.MethodPut || verb == http.MethodPost {
			return exchange(ctx, web, verb, target, "application/x-www-form-urlencoded", body)
		}
		return exchange(ctx, web, verb, target+"?"+string(body), "", nil)
	}}
}

func (b *bounds) olderPath() string {
	verb := []string{"GET", "PUT", "POST", "DELETE", "HEAD"}[b.IntN(5)]
	path := "/" + url.PathEscape(names[b.IntN(len(names))]) + []string{"", "/", "//x", "/%2e%2e/x", "/_hidden/a"}[b.IntN(5)]
	return verb + " " + path
}

// form is fields of the v2 API at their bounds.
func (b *bounds) form() string {
	values := url.Values{}
	for _, field := range []string{"value", "ttl", "prevValue", "prevIndex", "prevExist", "refresh", "dir", "recursive", "wait", "waitIndex", "sorted", "quorum", "stream", "noValueOnSuccess"} {
		if b.IntN(4) > 0 {
			continue
		}
		switch b.IntN(4) {
		case 0:
			values.Set(field, strconv.FormatInt(integers[b.IntN(len(integers))], 10))
		case 1:
			values.Set(field, names[b.IntN(len(names))])
		default:
			values.Set(field, []string{"true", "false", "", "NaN", "18446744073709551616", "-0", "1e9"}[b.IntN(7)])
		}
	}
	form := values.Encode()
	if b.IntN(10) == 0 {
		form += "&%zz=1;x&=&&"
	}
	return form
}
