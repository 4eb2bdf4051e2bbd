package etcdv2

import (
	"context"
	"strings"

	"github.com/conclavehq/conclave/cluster"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// view is what is at a path, and on the way to it, at one moment.
type view struct {
	revision int64
	// above are the directories on the way, from the top, without the root.
	above []place
	at    place
	// also is the first key of each range that was asked for beside.
	also []*logv1.KeyValue
}

// place is what is at one path. A path with keys below it is a directory, even if
// it is a key, too: that the v3 API has made so.
type place struct {
	path string
	file *logv1.KeyValue
	// inside are the first two keys below; of a place above the path, the first.
	inside []*logv1.KeyValue
}

// look reads what is at a path. also are further ranges to look for a key in.
func (s *space) look(ctx context.Context, how cluster.ReadOptions, p string, also ...*logv1.Range) (*view, error) {
	dirs := ancestors(p)
	var ranges []*logv1.Range
	for _, dir := range dirs {
		ranges = append(ranges, first(1, dir, after(dir)), first(1, dirStart(dir), dirEnd(dir)))
	}
	ranges = append(ranges, one(p), first(2, dirStart(p), dirEnd(p)))
	found, revision, err := s.read(ctx, how, append(ranges, also...))
	if err != nil {
		return nil, err
	}
	v := &view{revision: revision}
	for i, dir := range dirs {
		v.above = append(v.above, place{path: dir, file: head(found[2*i]), inside: found[2*i+1]})
	}
	found = found[2*len(dirs):]
	v.at = place{path: p, file: head(found[0]), inside: found[1]}
	if p == root {
		v.at.file = nil
	}
	for _, kvs := range found[2:] {
		v.also = append(v.also, head(kvs))
	}
	return v, nil
}

// head is the first key, or nil.
func head(kvs []*logv1.KeyValue) *logv1.KeyValue {
	if len(kvs) == 0 {
		return nil
	}
	return kvs[0]
}

func (p place) isDir() bool  { return len(p.inside) > 0 || p.path == root }
func (p place) isFile() bool { return p.file != nil && !p.isDir() }

// mark is the key of a directory that was made by name; nil if it was not.
func (p place) mark() *logv1.KeyValue {
	if kv := head(p.inside); string(kv.GetKey()) == dirStart(p.path) {
		return kv
	}
	return nil
}

// empty says whether nothing is in a directory.
func (p place) empty() bool {
	return len(p.inside) == 0 || len(p.inside) == 1 && p.mark() != nil
}

// walk finds the fault for which nothing can be made at the path.
func (v *view) walk() *fault {
	for _, dir := range v.above {
		if dir.isFile() {
			return fail(codeNotDir, dir.path, v.revision)
		}
	}
	return nil
}

// resolve finds the fault for which there is nothing at the path.
func (v *view) resolve() *fault {
	for _, dir := range v.above {
		switch {
		case dir.isFile():
			return fail(codeNotDir, dir.path, v.revision)
		case !dir.isDir():
			return fail(codeKeyNotFound, dir.path, v.revision)
		}
	}
	if !v.at.isDir() && v.at.file == nil {
		return fail(codeKeyNotFound, v.at.path, v.revision)
	}
	return nil
}

// fault is an error of the path, at this moment. The root has no name.
func (v *view) fault(code int) *fault {
	return fail(code, strings.TrimSuffix(v.at.path, root), v.revision)
}
