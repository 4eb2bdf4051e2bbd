package etcdv2

import (
	"context"
	"slices"
	"strings"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// firstPage is how many keys the first page of a listing has; each that follows
// has twice as many.
const firstPage = 256

// list is a directory with what is in it, and the index of that; nil if there is
// no such directory (any more). It reads this node's state.
func (s *space) list(ctx context.Context, dir string, recursive bool) (*node, int64, error) {
	t := &tree{space: s, root: dir, recursive: recursive}
	if !recursive {
		for range listAttempts {
			revision, whole, err := t.pages(ctx)
			if whole || err != nil {
				return t.top, revision, err
			}
		}
	}
	t.reset()
	answer, err := s.ask(ctx, s.seen(), rangeQuery(&logv1.Range{Key: []byte(dirStart(dir)), RangeEnd: []byte(dirEnd(dir))}))
	if err != nil {
		return nil, 0, err
	}
	for _, kv := range answer.GetRange().GetKvs() {
		if err := t.add(ctx, kv); err != nil {
			return nil, 0, err
		}
	}
	return t.done(), answer.GetRevision(), nil
}

func rangeQuery(r *logv1.Range) *logv1.Query {
	return &logv1.Query{Body: &logv1.Query_Range{Range: r}}
}

// tree is a listing in the making. Keys are added in their order.
type tree struct {
	*space
	root      string
	recursive bool
	top       *node
	nodes     map[string]*node
}

func (t *tree) reset() {
	t.top, t.nodes = nil, make(map[string]*node)
	if t.root == root {
		t.top = &node{Dir: true}
		t.nodes[root] = t.top
	}
}

// pages lists the directory without what is below the directories in it. whole is
// false when the namespace changed between two pages.
func (t *tree) pages(ctx context.Context) (revision int64, whole bool, err error) {
	t.reset()
	next := dirStart(t.root)
	for limit := int64(firstPage); ; limit *= 2 {
		answer, err := t.ask(ctx, t.seen(), rangeQuery(&logv1.Range{
			Key: []byte(next), RangeEnd: []byte(dirEnd(t.root)), Limit: limit, Uncounted: true,
		}))
		if err != nil {
			return 0, false, err
		}
		if revision == 0 {
			revision = answer.GetRevision()
		}
		if answer.GetRevision() != revision {
			return 0, false, nil
		}
		for _, kv := range answer.GetRange().GetKvs() {
			if key := string(kv.GetKey()); key >= next {
				if err := t.add(ctx, kv); err != nil {
					return 0, false, err
				}
				next = t.following(key)
			}
		}
		if !answer.GetRange().GetMore() {
			t.done()
			return revision, true, nil
		}
	}
}

// following is where to go on after a key: behind the directory that it is in.
func (t *tree) following(key string) string {
	rest := key[len(dirStart(t.root)):]
	if name, _, deeper := strings.Cut(rest, "/"); deeper && name != "" {
		return dirEnd(dirStart(t.root) + name)
	}
	return after(key)
}

// add puts what a key shows into the tree: the directories on the way to it, and
// the file itself.
func (t *tree) add(ctx context.Context, kv *logv1.KeyValue) error {
	parent, err := t.dir(ctx, nil, t.root, kv)
	if err != nil || !within(string(kv.GetKey())) {
		return err
	}
	rest := string(kv.GetKey()[len(dirStart(t.root)):])
	at := t.root
	for {
		name, remaining, deeper := strings.Cut(rest, "/")
		if name == "" || name == "." || name == ".." || name[0] == '_' {
			return nil // a mark, or not shown
		}
		at = dirStart(at) + name
		if !deeper {
			return t.file(ctx, parent, at, kv)
		}
		if parent, err = t.dir(ctx, parent, at, kv); err != nil || !t.recursive {
			return err
		}
		rest = remaining
	}
}

// dir finds a directory of the tree, or makes it by its first key.
func (t *tree) dir(ctx context.Context, parent *node, p string, kv *logv1.KeyValue) (*node, error) {
	known := t.nodes[p]
	if known != nil && known.Dir {
		return known, nil
	}
	var end *deadline
	if string(kv.GetKey()) == dirStart(p) {
		var err error
		if end, err = t.ends(ctx, kv.GetLeaseId(), p); err != nil {
			return nil, err
		}
	}
	made := directory(p, kv, end)
	t.nodes[p] = made
	switch {
	case parent == nil:
		t.top = made
	case known != nil: // a file that is a directory, too
		*known, t.nodes[p] = *made, known
	default:
		parent.Nodes = append(parent.Nodes, made)
	}
	return t.nodes[p], nil
}

func (t *tree) file(ctx context.Context, parent *node, p string, kv *logv1.KeyValue) error {
	end, err := t.ends(ctx, kv.GetLeaseId(), p)
	if err != nil {
		return err
	}
	t.nodes[p] = file(p, kv, end)
	parent.Nodes = append(parent.Nodes, t.nodes[p])
	return nil
}

// done puts the nodes in order.
func (t *tree) done() *node {
	for _, n := range t.nodes {
		slices.SortFunc(n.Nodes, byKey)
	}
	return t.top
}
