package check

import "slices"

// The kinds of edges between transactions.
const (
	ww = 1 << iota // appended right after
	wr             // read what was appended
	rw             // did not see what was appended
	rt             // was called after the return
)

// graph is of what must come before what.
type graph struct {
	next [][]arc
}

type arc struct {
	to   int32
	kind uint8
}

func newGraph(nodes int) *graph { return &graph{next: make([][]arc, nodes)} }

func (g *graph) add(from, to int, kind uint8) {
	g.next[from] = append(g.next[from], arc{int32(to), kind})
}

// components are the sets of nodes that reach each other, of two nodes or more, by
// Tarjan's algorithm with a stack of its own: paths are as long as the history.
func (g *graph) components() [][]int {
	s := &search{graph: g, index: make([]int, len(g.next)), low: make([]int, len(g.next)),
		at: make([]int, len(g.next)), on: make([]bool, len(g.next))}
	for i := range s.index {
		s.index[i] = unseen
	}
	for root := range g.next {
		if s.index[root] == unseen {
			s.from(root)
		}
	}
	return s.found
}

// unseen is the index of a node that was not met yet.
const unseen = -1

// search is one of components.
type search struct {
	*graph
	index, low []int // of a node: when it was met, and the first that it reaches
	at         []int // the next arc of a node to follow
	on         []bool
	path       []int
	stack      []int // those that are in no component yet; on tells which
	count      int
	found      [][]int
}

// from meets all nodes that can be reached from one.
func (s *search) from(root int) {
	s.path = append(s.path, root)
	for len(s.path) > 0 {
		n := s.path[len(s.path)-1]
		if s.index[n] == unseen {
			s.index[n], s.low[n] = s.count, s.count
			s.count++
			s.stack, s.on[n] = append(s.stack, n), true
		}
		if s.at[n] < len(s.next[n]) {
			to := int(s.next[n][s.at[n]].to)
			s.at[n]++
			if s.index[to] == unseen {
				s.path = append(s.path, to)
			} else if s.on[to] {
				s.low[n] = min(s.low[n], s.index[to])
			}
			continue
		}
		s.path = s.path[:len(s.path)-1]
		if len(s.path) > 0 {
			up := s.path[len(s.path)-1]
			s.low[up] = min(s.low[up], s.low[n])
		}
		if s.low[n] == s.index[n] {
			s.close(n)
		}
	}
}

// close takes the component that was entered by a node off the stack.
func (s *search) close(n int) {
	from := len(s.stack) - 1
	for s.stack[from] != n {
		from--
	}
	if len(s.stack)-from > 1 {
		s.found = append(s.found, slices.Clone(s.stack[from:]))
	}
	for _, member := range s.stack[from:] {
		s.on[member] = false
	}
	s.stack = s.stack[:from]
}

// classify finds the cycle with the worst name in a component, and names it.
func (g *graph) classify(component []int) (cycle []int, class string) {
	inside := make(map[int]bool, len(component))
	for _, n := range component {
		inside[n] = true
	}
	for _, clock := range []uint8{0, rt} {
		suffix := ""
		if clock != 0 {
			suffix = " real-time"
		}
		if c := g.cycle(component, inside, ww|clock, ww); c != nil {
			return c, "G0" + suffix
		}
		if c := g.cycle(component, inside, ww|wr|clock, wr); c != nil {
			return c, "G1c" + suffix
		}
		if c := g.cycle(component, inside, ww|wr|clock, rw); c != nil {
			return c, "G-single" + suffix
		}
		if c := g.cycle(component, inside, ww|wr|rw|clock, rw); c != nil {
			return c, "G2" + suffix
		}
	}
	return component, "cycle"
}

// cycle finds a shortest cycle that begins with an edge of one kind and goes on by
// edges of some kinds.
func (g *graph) cycle(component []int, inside map[int]bool, kinds, first uint8) []int {
	for _, start := range component {
		for _, a := range g.next[start] {
			if a.kind&first == 0 || !inside[int(a.to)] {
				continue
			}
			if way := g.way(int(a.to), start, inside, kinds); way != nil {
				return way
			}
		}
	}
	return nil
}

// way is a shortest path, found breadth-first.
func (g *graph) way(from, to int, inside map[int]bool, kinds uint8) []int {
	came := map[int]int{from: from}
	queue := []int{from}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if n == to {
			way := []int{n}
			for n != from {
				n = came[n]
				way = append(way, n)
			}
			slices.Reverse(way)
			return way
		}
		for _, a := range g.next[n] {
			next := int(a.to)
			if _, seen := came[next]; !seen && a.kind&kinds != 0 && inside[next] {
				came[next] = n
				queue = append(queue, next)
			}
		}
	}
	return nil
}
