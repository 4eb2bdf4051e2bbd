package recipes

import (
	"slices"

	"github.com/conclavehq/conclave/internal/keys"
	"github.com/conclavehq/conclave/internal/starts"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// RegisterNode makes a node known, or refreshes its addresses. A name belongs to
// one data directory: a node that comes with another one has lost its disk or
// took a name that is in use, and is refused (promise S2).
//
//	            register                 register, same directory
//	(unknown) ───────────▶ MEMBER ◀──────────────────────────────┐
//	                         │ replace                           │
//	                         ▼                register, new one  │
//	                     AWAITED ────────────────────────────────┘
//	                     generation + 1, new replica id
func RegisterNode(tx Tx, cmd *logv1.RegisterNode) (*logv1.RegisterNodeResult, *logv1.Refusal) {
	node := cmd.GetNode()
	if node.GetName() == "" || node.GetIncarnation() == 0 {
		return nil, refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "a node has a name and an incarnation")
	}
	if refusal := checkFormat(tx, node); refusal != nil {
		return nil, refusal
	}
	rec := &storagev1.NodeRecord{}
	if load(tx, nodeKey(tx, node.GetName()), rec) {
		if refusal := checkIncarnation(rec, node); refusal != nil {
			return nil, refusal
		}
		if refusal := checkStart(rec, node); refusal != nil {
			return nil, refusal
		}
		rec.RemovedReplicaId = 0
	} else if refusal := newNode(tx, node, rec); refusal != nil {
		return nil, refusal
	}
	rec.Incarnation = node.GetIncarnation()
	rec.PeerUrl = node.GetPeerUrl()
	rec.ClientUrls = node.GetClientUrls()
	rec.Version = node.GetVersion()
	rec.Format = node.GetFormat()
	if nonces := node.GetStartNonces(); len(nonces) > 0 {
		rec.Starts, rec.StartNonce = node.GetStarts(), nonces[0]
	}
	return &logv1.RegisterNodeResult{Node: saveNode(tx, node.GetName(), rec)}, nil
}

// newNode gives an unknown node its place: the replica id that it asks for, or
// the next one that no node has had.
func newNode(tx Tx, node *logv1.Node, rec *storagev1.NodeRecord) *logv1.Refusal {
	numbers := loadNumbers(tx)
	replicaID := node.GetReplicaId()
	if replicaID == 0 {
		replicaID = numbers.LastReplicaId + 1
	}
	var refusal *logv1.Refusal
	scanNodes(tx, func(name string, other *storagev1.NodeRecord) bool {
		if other.GetReplicaId() == replicaID {
			refusal = refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "replica %d is node %q, not %q", replicaID, name, node.GetName())
		}
		return refusal == nil
	})
	if refusal != nil {
		return refusal
	}
	rec.Generation, rec.ReplicaId = 1, replicaID
	numbers.LastReplicaId = max(numbers.LastReplicaId, replicaID)
	saveNumbers(tx, numbers)
	return nil
}

// checkIncarnation refuses a node whose data directory is not the one that the
// name belongs to, or that was replaced once.
func checkIncarnation(rec *storagev1.NodeRecord, node *logv1.Node) *logv1.Refusal {
	switch {
	case slices.Contains(rec.GetReplacedIncarnations(), node.GetIncarnation()):
		return refuse(logv1.Reason_REASON_NODE_REPLACED,
			"node %q was replaced: this data directory is out of the cluster for good", node.GetName())
	case rec.GetIncarnation() != 0 && rec.GetIncarnation() != node.GetIncarnation():
		return refuse(logv1.Reason_REASON_NODE_REPLACED,
			"node %q is known with another data directory: use that one, or replace the node first", node.GetName())
	}
	return nil
}

// checkStart refuses a node that does not know of its own latest start: its data
// directory is an old copy, and has forgotten what it acknowledged and voted for since
// (promise S2). What is longer ago than what the node tells is believed.
func checkStart(rec *storagev1.NodeRecord, node *logv1.Node) *logv1.Refusal {
	if rec.GetStarts() == 0 || node.GetStarts() == 0 || starts.Known(node.GetStarts(), node.GetStartNonces(), rec.GetStarts(), rec.GetStartNonce()) {
		return nil
	}
	return refuse(logv1.Reason_REASON_NODE_REPLACED,
		"node %q was started with an old copy of its data, which does not know of its start %d", node.GetName(), rec.GetStarts())
}

// checkFormat refuses a node whose program is older than those of all others:
// they may be logging commands already that would stop it (promise S4).
func checkFormat(r Reader, node *logv1.Node) *logv1.Refusal {
	others := uint32(0)
	scanNodes(r, func(name string, rec *storagev1.NodeRecord) bool {
		if format := max(1, rec.GetFormat()); name != node.GetName() && (others == 0 || format < others) {
			others = format
		}
		return true
	})
	if max(1, node.GetFormat()) >= others {
		return nil
	}
	return refuse(logv1.Reason_REASON_WRONG_STATE,
		"node %q runs a program that knows the log up to format %d, and all others use format %d: start the program that the others run",
		node.GetName(), max(1, node.GetFormat()), others)
}

// ReplaceNode opens a node's name to a new data directory, which joins as a new
// replica. The old one stays out for good. Asked again before the new one has
// come, it gives the same answer.
func ReplaceNode(tx Tx, cmd *logv1.ReplaceNode) (*logv1.ReplaceNodeResult, *logv1.Refusal) {
	rec := &storagev1.NodeRecord{}
	if !load(tx, nodeKey(tx, cmd.GetName()), rec) {
		return nil, refuse(logv1.Reason_REASON_NODE_NOT_FOUND, "there is no node %q", cmd.GetName())
	}
	if rec.GetIncarnation() == 0 {
		return &logv1.ReplaceNodeResult{Node: nodeInfo(cmd.GetName(), rec), RemovedReplicaId: rec.GetRemovedReplicaId()}, nil
	}
	numbers := loadNumbers(tx)
	numbers.LastReplicaId++
	saveNumbers(tx, numbers)

	rec.ReplacedIncarnations = append(rec.ReplacedIncarnations, rec.Incarnation)
	rec.RemovedReplicaId = rec.ReplicaId
	rec.Incarnation = 0
	rec.Starts, rec.StartNonce = 0, 0 // a new directory counts anew
	rec.Generation++
	rec.ReplicaId = numbers.LastReplicaId
	return &logv1.ReplaceNodeResult{
		Node:             saveNode(tx, cmd.GetName(), rec),
		RemovedReplicaId: rec.RemovedReplicaId,
	}, nil
}

// ListNodes answers for all nodes, by name.
func ListNodes(r Reader, _ *logv1.ListNodes) (*logv1.ListNodesResult, *logv1.Refusal) {
	result := &logv1.ListNodesResult{}
	scanNodes(r, func(name string, rec *storagev1.NodeRecord) bool {
		result.Nodes = append(result.Nodes, nodeInfo(name, rec))
		return true
	})
	return result, nil
}

func scanNodes(r Reader, visit func(name string, rec *storagev1.NodeRecord) bool) {
	scanNames(r, keys.NodeRecord, "", "", func(name string, key, value []byte) bool {
		rec := &storagev1.NodeRecord{}
		decode(key, value, rec)
		return visit(name, rec)
	})
}

// saveNode writes a node and tells whoever keeps a list of them.
func saveNode(tx Tx, name string, rec *storagev1.NodeRecord) *logv1.Node {
	tx.NextRevision()
	save(tx, nodeKey(tx, name), rec)
	node := nodeInfo(name, rec)
	tx.Emit(&logv1.Event{Body: &logv1.Event_System{System: &logv1.SystemEvent{Node: node}}})
	return node
}

func nodeKey(r Reader, name string) []byte {
	return keys.Name(keys.Prefix(r.Namespace(), keys.NodeRecord), name)
}

func nodeInfo(name string, rec *storagev1.NodeRecord) *logv1.Node {
	node := &logv1.Node{
		Name:        name,
		Incarnation: rec.GetIncarnation(),
		Generation:  rec.GetGeneration(),
		ReplicaId:   rec.GetReplicaId(),
		PeerUrl:     rec.GetPeerUrl(),
		ClientUrls:  rec.GetClientUrls(),
		Version:     rec.GetVersion(),
		Format:      rec.GetFormat(),
	}
	if rec.GetStarts() != 0 {
		node.Starts, node.StartNonces = rec.GetStarts(), []uint64{rec.GetStartNonce()}
	}
	return node
}

func numbersKey(r Reader) []byte { return keys.Prefix(r.Namespace(), keys.SystemRecord) }

// loadNumbers returns the numbers that are never given twice.
func loadNumbers(r Reader) *storagev1.SystemRecord {
	numbers := &storagev1.SystemRecord{}
	load(r, numbersKey(r), numbers)
	return numbers
}

func saveNumbers(tx Tx, numbers *storagev1.SystemRecord) { save(tx, numbersKey(tx), numbers) }
