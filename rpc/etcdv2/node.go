package etcdv2

import (
	"strings"
	"time"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// What a request did, as answers and watchers are told.
const (
	actionGet              = "get"
	actionSet              = "set"
	actionCreate           = "create"
	actionUpdate           = "update"
	actionDelete           = "delete"
	actionExpire           = "expire"
	actionCompareAndSwap   = "compareAndSwap"
	actionCompareAndDelete = "compareAndDelete"
)

// event is the body of an answer, and of what a watcher is told.
type event struct {
	Action   string `json:"action"`
	Node     *node  `json:"node,omitempty"`
	PrevNode *node  `json:"prevNode,omitempty"`
}

// created says whether the answer is 201 instead of 200.
func (e *event) created() bool {
	return e.Action == actionCreate || e.Action == actionSet && e.PrevNode == nil
}

// puts says whether noValueOnSuccess leaves the nodes out.
func (e *event) puts() bool {
	switch e.Action {
	case actionSet, actionCreate, actionUpdate, actionCompareAndSwap:
		return true
	}
	return false
}

// node is a file or a directory.
type node struct {
	Key           string     `json:"key,omitempty"`
	Value         *string    `json:"value,omitempty"`
	Dir           bool       `json:"dir,omitempty"`
	Expiration    *time.Time `json:"expiration,omitempty"`
	TTL           int64      `json:"ttl,omitempty"`
	Nodes         []*node    `json:"nodes,omitempty"`
	ModifiedIndex int64      `json:"modifiedIndex,omitempty"`
	CreatedIndex  int64      `json:"createdIndex,omitempty"`
}

// file is the node of a key.
func file(p string, kv *logv1.KeyValue, end *deadline) *node {
	value := string(kv.GetValue())
	n := &node{Key: p, Value: &value, ModifiedIndex: kv.GetModRevision(), CreatedIndex: kv.GetCreateRevision()}
	n.until(end)
	return n
}

// directory is the node of a directory, by its mark or else its first key.
func directory(p string, first *logv1.KeyValue, end *deadline) *node {
	n := &node{Key: p, Dir: true, ModifiedIndex: first.GetModRevision(), CreatedIndex: first.GetCreateRevision()}
	if string(first.GetKey()) != dirStart(p) {
		// Nobody has modified the directory itself.
		n.ModifiedIndex = n.CreatedIndex
	}
	n.until(end)
	return n
}

// gone is what is left to say of a node that was deleted.
func (n *node) gone(index int64) *node {
	return &node{Key: n.Key, Dir: n.Dir, ModifiedIndex: index, CreatedIndex: n.CreatedIndex}
}

// until tells when the node ends.
func (n *node) until(end *deadline) {
	if end == nil {
		return
	}
	expiration := end.at.UTC()
	n.Expiration, n.TTL = &expiration, end.seconds()
}

// byKey orders nodes as sorted=true asks for, which is how all listings are.
func byKey(a, b *node) int { return strings.Compare(a.Key, b.Key) }
