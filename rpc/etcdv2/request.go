package etcdv2

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

const keysPrefix = "/v2/keys"

// request is what a call of /v2/keys asks for.
type request struct {
	method string
	path   string
	value  string
	// ttl is in seconds; nil is none.
	ttl *uint64

	prevValue string
	prevIndex uint64
	prevExist *bool
	refresh   bool
	dir       bool

	recursive bool
	wait      bool
	waitIndex uint64
	stream    bool
	// local reads this node's state, however old: quorum=false was asked for.
	local bool
	// noValue leaves the nodes out of the answer.
	noValue bool
}

// parse reads a request as etcd does, and finds the same faults in it in the same
// order. Of a field that is given more than once the first counts.
func parse(r *http.Request) (*request, *fault) {
	if err := r.ParseForm(); err != nil {
		return nil, fail(codeInvalidForm, err.Error(), 0)
	}
	f := form{values: r.Form}
	req := &request{method: r.Method, path: path.Join(root, strings.TrimPrefix(r.URL.Path, keysPrefix))}

	if !within(req.path) {
		return nil, fail(codeInvalidForm, fmt.Sprintf("a path has at most %d bytes and %d names", maxPathBytes, maxPathDepth), 0)
	}
	req.prevIndex = f.index("prevIndex")
	req.waitIndex = f.index("waitIndex")
	req.recursive = f.flag("recursive", `"recursive"`)
	f.flag("sorted", `"sorted"`)
	req.wait = f.flag("wait", `"wait"`)
	req.dir = f.flag("dir", `"dir"`)
	quorum := f.flag("quorum", `"quorum"`)
	req.local = f.has("quorum") && !quorum
	req.stream = f.flag("stream", `"stream"`)
	if req.wait && r.Method != http.MethodGet {
		f.fail(codeInvalidField, `"wait" can only be used with GET requests`)
	}
	if req.wait && quorum {
		req.wait = false // as etcd does: a read by quorum waits for nothing
	}
	req.prevValue = r.Form.Get("prevValue")
	if f.has("prevValue") && req.prevValue == "" {
		f.fail(codePrevValueRequired, `"prevValue" cannot be empty`)
	}
	req.noValue = f.flag("noValueOnSuccess", `"noValueOnSuccess"`)
	req.ttl = f.seconds("ttl")
	if f.has("prevExist") {
		exist := f.flag("prevExist", "prevExist")
		req.prevExist = &exist
	}
	req.refresh = f.flag("refresh", "refresh")
	req.value = r.Form.Get("value")
	if req.refresh && req.value != "" {
		f.fail(codeRefreshValue, "A value was provided on a refresh")
	}
	if req.refresh && req.ttl == nil {
		f.fail(codeRefreshTTLRequired, "No TTL value set")
	}
	return req, f.fault
}

// compares says whether the value or the index has to be the one given.
func (r *request) compares() bool { return r.prevIndex > 0 || r.prevValue != "" }

// form reads fields and keeps the first fault.
type form struct {
	values url.Values
	fault  *fault
}

func (f *form) has(field string) bool {
	_, given := f.values[field]
	return given
}

func (f *form) fail(code int, cause string) {
	if f.fault == nil {
		f.fault = fail(code, cause, 0)
	}
}

// flag is a boolean field; false when it is not given. called is its name in the
// message.
func (f *form) flag(field, called string) bool {
	if !f.has(field) {
		return false
	}
	set, err := strconv.ParseBool(f.values[field][0])
	if err != nil {
		f.fail(codeInvalidField, "invalid value for "+called)
	}
	return set
}

func (f *form) index(field string) uint64 {
	if !f.has(field) {
		return 0
	}
	index, err := strconv.ParseUint(f.values[field][0], 10, 64)
	if err != nil {
		f.fail(codeIndexNaN, `invalid value for "`+field+`"`)
	}
	return index
}

// seconds is a number that may be empty, which is as if it were not given.
func (f *form) seconds(field string) *uint64 {
	if f.values.Get(field) == "" {
		return nil
	}
	seconds, err := strconv.ParseUint(f.values.Get(field), 10, 64)
	if err != nil {
		f.fail(codeTTLNaN, `invalid value for "`+field+`"`)
	}
	return &seconds
}
