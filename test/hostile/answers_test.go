package hostile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"google.golang.org/grpc/codes"
)

// tally counts answers by door and code.
type tally struct {
	mu      sync.Mutex // protects what follows
	answers map[string]int
	calls   map[call]timing
	faults  []string
	learnt  []int64
}

// call is a method over a door.
type call struct{ door, path string }

// timing counts calls, and those of them that had no answer within their time.
type timing struct{ made, late int }

func newTally() *tally {
	return &tally{answers: map[string]int{}, calls: map[call]timing{}}
}

var told = regexp.MustCompile(`"(?:revision|token|leaseId|ticket|term|jobId|receipt|ID|id)":\s*"?(\d{1,15})`)

func (y *tally) note(s sent, code codes.Code, said string, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.answers[s.door.name+" "+code.String()]++
	at := call{s.door.name, s.method.path}
	spent := y.calls[at]
	spent.made++
	if code == codes.DeadlineExceeded {
		spent.late++
	}
	y.calls[at] = spent
	what := wrong(s.method.path, code, said)
	if err != nil {
		what = err.Error()
	}
	if what != "" {
		y.faults = append(y.faults, fmt.Sprintf("request %d, %s over %s: %s: %v %.300q, to %.300q", s.number, s.method.path, s.door.name, what, code, said, s.body))
	}
	for _, m := range told.FindAllStringSubmatch(said, 3) {
		if n, err := strconv.ParseInt(m[1], 10, 64); err == nil {
			y.learnt = append(y.learnt, n)
		}
	}
}

// learned hands over the numbers that answers told.
func (y *tally) learned() []int64 {
	y.mu.Lock()
	defer y.mu.Unlock()
	numbers := y.learnt
	y.learnt = nil
	return numbers
}

// waits are methods that may leave every request unanswered, with the reason.
var waits = map[string]string{
	"/etcdserverpb.Watch/Watch": "of three kinds of requests only those that create a watch have an answer, and few of these do",
}

// enough is how many calls of a method tell whether it is answered at all: of those
// that may wait, too, some ask for what cannot be waited for.
const enough = 10

// hanging are methods that are never answered in time, and doors that never say OK.
// One late answer tells nothing: the machine may be busy, or the call may wait.
func (y *tally) hanging(doors []string) (faults []string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for at, spent := range y.calls {
		if spent.made >= enough && spent.late == spent.made && waits[at.path] == "" {
			faults = append(faults, fmt.Sprintf("none of %d calls of %s over %s was answered", spent.made, at.path, at.door))
		}
	}
	for _, door := range doors {
		if y.answers[door+" "+codes.OK.String()] == 0 {
			faults = append(faults, "nothing succeeded over "+door)
		}
	}
	slices.Sort(faults)
	return faults
}
