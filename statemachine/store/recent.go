package store

import "github.com/conclavehq/conclave/internal/keys"

// recentBytes is how much each of the two generations of recent holds.
const recentBytes = 8 << 20

// recent is the latest versions of keys that were written last. A write needs
// the version that it replaces, and the key that is written next is often one
// that was written before. There are two generations: when the young one is
// full, it becomes the old one, and what was in that is forgotten.
type recent struct {
	young, old map[string][]byte
	bytes      int
}

// get returns a record that is known; nil is known to be none.
func (r *recent) get(key []byte) (value []byte, known bool) {
	if value, known = r.young[string(key)]; known {
		return value, true
	}
	if value, known = r.old[string(key)]; known {
		r.add(string(key), value)
	}
	return value, known
}

// add keeps a record that is on its way to the disk, or in it. Records of other
// tables are not read before they are written.
func (r *recent) add(key string, value []byte) {
	if keys.Table(key[keys.HeaderLen-1]) != keys.Latest {
		return
	}
	if size := len(key) + len(value); r.young == nil || r.bytes+size > recentBytes {
		if size > recentBytes/4 {
			delete(r.young, key)
			delete(r.old, key)
			return
		}
		r.old, r.young, r.bytes = r.young, make(map[string][]byte), 0
	}
	r.bytes += len(key) + len(value)
	r.young[key] = value
}
