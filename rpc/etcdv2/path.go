package etcdv2

import (
	"path"
	"strings"
)

// root is the path of the directory that is always there.
const root = "/"

// Limits on paths: each directory on the way to a file is looked at.
const (
	maxPathBytes = 4096
	maxPathDepth = 256
)

// within says whether a path keeps the limits.
func within(p string) bool {
	return len(p) <= maxPathBytes && strings.Count(p, "/") <= maxPathDepth
}

// dirStart is where the keys below a directory begin; it is the directory's mark,
// too.
func dirStart(dir string) string {
	if dir == root {
		return root
	}
	return dir + "/"
}

// dirEnd is the first key behind those below a directory: "0" follows "/".
func dirEnd(dir string) string {
	if dir == root {
		return "0"
	}
	return dir + "0"
}

// after is the first key behind a key.
func after(key string) string { return key + "\x00" }

// ancestors are the directories on the way to a path, from the top, without the
// root.
func ancestors(p string) []string {
	var all []string
	for i := 1; i < len(p); i++ {
		if p[i] == '/' {
			all = append(all, p[:i])
		}
	}
	return all
}

// shown is the path that a key is shown at, and whether it is the mark of the
// directory there. Keys that no path leads to, such as "a" and "/a//b", or whose
// path would be beyond the limits, are not shown.
func shown(key string) (p string, mark, ok bool) {
	p, mark = strings.CutSuffix(key, "/")
	if p == "" || p == root || p[0] != '/' || !within(p) || path.Clean(p) != p {
		return "", false, false
	}
	return p, mark, true
}

// below says whether a path is somewhere below a directory.
func below(dir, p string) bool {
	return len(p) > len(dirStart(dir)) && strings.HasPrefix(p, dirStart(dir))
}

// hiddenFrom says whether a change at a path is kept from those who watch a
// directory above it: the path has a hidden name from there on.
func hiddenFrom(dir, p string) bool {
	return below(dir, p) && strings.Contains(p[len(dirStart(dir))-1:], "/_")
}
