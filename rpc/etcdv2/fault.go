package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/conclavehq/conclave/cluster"
	"github.com/conclavehq/conclave/statemachine/feed"
)

// The codes of etcd's errors.
const (
	codeKeyNotFound        = 100
	codeTestFailed         = 101
	codeNotFile            = 102
	codeNotDir             = 104
	codeNodeExist          = 105
	codeRootReadOnly       = 107
	codeDirNotEmpty        = 108
	codePrevValueRequired  = 201
	codeTTLNaN             = 202
	codeIndexNaN           = 203
	codeInvalidField       = 209
	codeInvalidForm        = 210
	codeRefreshValue       = 211
	codeRefreshTTLRequired = 212
	codeRaftInternal       = 300
	codeIndexCleared       = 401
)

// kinds are what each code says, and the HTTP status if that is not 400.
var kinds = map[int]struct {
	message string
	status  int
}{
	codeKeyNotFound:        {"Key not found", http.StatusNotFound},
	codeTestFailed:         {"Compare failed", http.StatusPreconditionFailed},
	codeNotFile:            {"Not a file", http.StatusForbidden},
	codeNotDir:             {"Not a directory", http.StatusBadRequest},
	codeNodeExist:          {"Key already exists", http.StatusPreconditionFailed},
	codeRootReadOnly:       {"Root is read only", http.StatusBadRequest},
	codeDirNotEmpty:        {"Directory not empty", http.StatusForbidden},
	codePrevValueRequired:  {"PrevValue is Required in POST form", http.StatusBadRequest},
	codeTTLNaN:             {"The given TTL in POST form is not a number", http.StatusBadRequest},
	codeIndexNaN:           {"The given index in POST form is not a number", http.StatusBadRequest},
	codeInvalidField:       {"Invalid field", http.StatusBadRequest},
	codeInvalidForm:        {"Invalid POST form", http.StatusBadRequest},
	codeRefreshValue:       {"Value provided on refresh", http.StatusBadRequest},
	codeRefreshTTLRequired: {"A TTL must be provided on refresh", http.StatusBadRequest},
	codeRaftInternal:       {"Raft Internal Error", http.StatusInternalServerError},
	codeIndexCleared:       {"The event in requested index is outdated and cleared", http.StatusBadRequest},
}

// fault is an error as etcd tells it.
type fault struct {
	Code    int    `json:"errorCode"`
	Message string `json:"message"`
	Cause   string `json:"cause,omitempty"`
	Index   int64  `json:"index"`
}

// Error is for the error interface.
func (f *fault) Error() string { return f.Message + " (" + f.Cause + ")" }

// fail makes an error. The index is that of the state that it is about; 0 for a
// request that is wrong in itself.
func fail(code int, cause string, index int64) *fault {
	return &fault{Code: code, Message: kinds[code].message, Cause: cause, Index: index}
}

// write answers with the error.
func (f *fault) write(w http.ResponseWriter) {
	body, err := json.Marshal(f)
	if err != nil {
		panic("etcdv2: an error cannot be encoded: " + err.Error())
	}
	w.Header().Set("X-Etcd-Index", strconv.FormatInt(f.Index, 10))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(kinds[f.Code].status)
	_, _ = w.Write(append(body, '\n'))
}

// explain puts an error in etcd's terms. What it does not know is told to the
// log only.
func (s *Server) explain(ctx context.Context, err error) *fault {
	var told *fault
	var refused *cluster.RefusedError
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &refused):
		return fail(codeRaftInternal, "conclave: "+refused.Error(), 0)
	case errors.Is(err, feed.ErrNamespaceDropped):
		return fail(codeRaftInternal, "conclave: the namespace was deleted", 0)
	case errors.Is(err, cluster.ErrStopped), errors.Is(err, feed.ErrClosed), s.draining.Err() != nil && ctx.Err() != nil:
		return fail(codeRaftInternal, "etcdserver: server stopped", 0)
	case errors.Is(err, cluster.ErrOverloaded):
		return fail(codeRaftInternal, "etcdserver: too many requests", 0)
	case errors.Is(err, cluster.ErrNoSpace):
		return fail(codeRaftInternal, "etcdserver: mvcc: database space exceeded", 0)
	case errors.Is(err, cluster.ErrTooLarge):
		return fail(codeRaftInternal, "etcdserver: request is too large", 0)
	case errors.Is(err, cluster.ErrOutcomeUnknown), errors.Is(err, cluster.ErrNoLeader),
		errors.Is(err, cluster.ErrUnavailable), ctx.Err() != nil:
		return fail(codeRaftInternal, "etcdserver: request timed out", 0)
	}
	s.config.Log.Error().Err(err).Msg("a call of etcd's v2 API failed in a way that was not expected")
	return fail(codeRaftInternal, "conclave: the server failed in a way that it did not expect; its log says how", 0)
}
