package store

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// place is where a write is in its lane, with the part of its key that sorts
// most of them: reading the key itself is what makes sorting slow.
type place struct {
	head  uint64
	index int32
}

// sorted returns the places of all writes by key, those of one key in the order
// in which they were made.
func (l *lane) sorted() []place {
	l.places = l.places[:0]
	if len(l.writes) == 0 {
		return nil
	}
	// The keys of a batch are often alike at the front: same namespace, same
	// table, same folder.
	first := l.writes[0].key
	common := len(first)
	inOrder := true
	for i := range l.writes {
		key := l.writes[i].key
		common = commonLen(first[:common], key)
		inOrder = inOrder && (i == 0 || l.writes[i-1].key <= key)
	}
	for i := range l.writes {
		l.places = append(l.places, place{head: head(l.writes[i].key[common:]), index: int32(i)})
	}
	if !inOrder {
		slices.SortFunc(l.places, func(a, b place) int {
			if a.head != b.head {
				return cmp.Compare(a.head, b.head)
			}
			return cmp.Or(strings.Compare(l.writes[a.index].key, l.writes[b.index].key), cmp.Compare(a.index, b.index))
		})
	}
	return l.places
}

// commonLen is the length of the longest common prefix.
func commonLen(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// head is the first eight bytes of a key as a number that sorts like them.
func head(key string) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(bytesOf(key[:8]))
	}
	var padded [8]byte
	copy(padded[:], key)
	return binary.BigEndian.Uint64(padded[:])
}
