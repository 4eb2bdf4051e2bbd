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
	const unseen = -1
	index, low := make([]int, len(g.next)), make([]int, len(g.next))
	for i := range index {
		index[i] = unseen
	}
	on := make([]bool, len(g.next))
	var path, stack []int
	at := make([]int, len(g.next)) // the next arc to follow
	var found [][]int
	var count int
	for root := range g.next {
		if index[root] != unseen {
			continue
		}
		path = append(path, root)
		for len(path) > 0 {
			n := path[len(path)-1]
			if index[n] == unseen {
				index[n], low[n] = count, count
				count++
				stack, on[n] = append(stack, n), true
			}
			if at[n] < len(g.next[n]) {
				to := int(g.next[n][at[n]].to)
				at[n]++
				if index[to] == unseen {
					path = append(path, to)
				} else if on[to] {
					low[n] = min(low[n], index[to])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				up := path[len(path)-1]
				low[up] = min(low[up], low[n])
			}
			if low[n] == index[n] {
				from := len(stack) - 1
				for stack[from] != n {
					from--
				}
				if len(stack)-from > 1 {
					found = append(found, slices.Clone(stack[from:]))
				}
				for _, member := range stack[from:] {
					on[member] = false
				}
				stack = stack[:from]
			}
		}
	}
	return found
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
