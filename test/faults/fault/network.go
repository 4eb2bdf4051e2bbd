package fault

import (
	"context"
	"time"

	"github.com/conclavehq/conclave/test/faults/nap"
	"github.com/conclavehq/conclave/test/faults/rig"
	"github.com/conclavehq/conclave/test/faults/rig/link"
)

// cut is nothing gets through.
var cut = link.Rule{Cut: true}

// change is a rule for one direction.
type change struct {
	from, to string
	rule     link.Rule
}

func both(a, b string, rule link.Rule) []change { return []change{{a, b, rule}, {b, a, rule}} }

// apply sets rules for as long as the scene holds, and takes back just these.
func (s *Scene) apply(ctx context.Context, changes []change) error {
	network := s.Cluster.Network()
	for _, c := range changes {
		if err := network.Set(c.from, c.to, c.rule); err != nil {
			return err
		}
	}
	s.wait(ctx)
	for _, c := range changes {
		if err := network.Set(c.from, c.to, link.Rule{}); err != nil {
			return err
		}
	}
	return s.revive(ctx, s.free()...)
}

// isolateOne is F06.
func isolateOne(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.7)
	if err != nil {
		return err
	}
	defer release()
	var changes []change
	for _, other := range s.others(n) {
		changes = append(changes, both(n.Name(), other.Name(), cut)...)
	}
	if s.Rand.IntN(2) == 0 {
		changes = append(changes, both(n.Name(), link.Clients, cut)...)
	}
	s.begin(n.Name(), s.leads(ctx, n))
	return s.apply(ctx, changes)
}

// split is F07.
func split(ctx context.Context, s *Scene) error {
	nodes := s.shuffled()
	at := len(nodes) / 2
	var changes []change
	for _, a := range nodes[:at] {
		for _, b := range nodes[at:] {
			changes = append(changes, both(a.Name(), b.Name(), cut)...)
		}
	}
	without := nodes[:at]
	if s.Rand.IntN(2) == 0 {
		without = nodes[at:]
	}
	if s.Rand.IntN(2) == 0 {
		for _, n := range without {
			changes = append(changes, both(n.Name(), link.Clients, cut)...)
		}
	}
	s.begin(names(nodes[:at])+" from "+names(nodes[at:]), false)
	return s.apply(ctx, changes)
}

// bridge is F08.
func bridge(ctx context.Context, s *Scene) error {
	nodes := s.shuffled()
	if len(nodes) > 3 && s.Rand.IntN(2) == 0 {
		s.begin("ring "+names(nodes), false)
		return s.apply(ctx, ring(nodes))
	}
	left, right := nodes[1:(len(nodes)+1)/2], nodes[(len(nodes)+1)/2:]
	var changes []change
	for _, a := range left {
		for _, b := range right {
			changes = append(changes, both(a.Name(), b.Name(), cut)...)
		}
	}
	s.begin(nodes[0].Name()+" between", false)
	return s.apply(ctx, changes)
}

// ring lets each node see its two neighbours only: everybody sees a majority of
// five, and everybody another one.
func ring(nodes []*rig.Node) []change {
	var changes []change
	for i, a := range nodes {
		for j, b := range nodes {
			if i < j && j-i != 1 && j-i != len(nodes)-1 {
				changes = append(changes, both(a.Name(), b.Name(), cut)...)
			}
		}
	}
	return changes
}

// oneWay is F09.
func oneWay(ctx context.Context, s *Scene) error {
	n, release, err := s.one(ctx, 0.7)
	if err != nil {
		return err
	}
	defer release()
	out := s.Rand.IntN(2) == 0
	var changes []change
	for _, other := range s.others(n) {
		c := change{n.Name(), other.Name(), cut}
		if !out {
			c.from, c.to = c.to, c.from
		}
		changes = append(changes, c)
	}
	s.begin(n.Name(), s.leads(ctx, n))
	return s.apply(ctx, changes)
}

// clientsCut is F10.
func clientsCut(ctx context.Context, s *Scene) error {
	nodes := s.shuffled()
	var changes []change
	target := ""
	switch s.Rand.IntN(4) {
	case 0:
		target = "clients from all"
		for _, n := range nodes {
			changes = append(changes, both(n.Name(), link.Clients, cut)...)
		}
	case 1:
		target = "answers of " + nodes[0].Name()
		changes = []change{{nodes[0].Name(), link.Clients, cut}}
	case 2:
		target = "clients from " + nodes[0].Name()
		changes = both(nodes[0].Name(), link.Clients, cut)
	default:
		target = "nodes from each other"
		for i, a := range nodes {
			for _, b := range nodes[:i] {
				changes = append(changes, both(a.Name(), b.Name(), cut)...)
			}
		}
	}
	s.begin(target, false)
	return s.apply(ctx, changes)
}

// slowNetwork is F11.
func slowNetwork(ctx context.Context, s *Scene) error {
	rule := link.Rule{
		Delay:  time.Duration(5+s.Rand.IntN(100)) * time.Millisecond,
		Jitter: time.Duration(s.Rand.IntN(60)) * time.Millisecond,
	}
	if s.Rand.IntN(3) == 0 {
		rule = link.Rule{BytesPerSecond: int64(64+s.Rand.IntN(512)) << 10}
	}
	s.begin(s.some(), false)
	return s.apply(ctx, s.everywhere(rule))
}

// some is how much of the network the next fault is about.
func (s *Scene) some() string { return []string{"one node", "all nodes", "clients"}[s.Rand.IntN(3)] }

// everywhere puts one rule on a part of the network.
func (s *Scene) everywhere(rule link.Rule) []change {
	nodes := s.shuffled()
	var changes []change
	switch s.target {
	case "clients":
		for _, n := range nodes {
			changes = append(changes, both(n.Name(), link.Clients, rule)...)
		}
	case "one node":
		for _, n := range nodes[1:] {
			changes = append(changes, both(nodes[0].Name(), n.Name(), rule)...)
		}
	default:
		for i, a := range nodes {
			for _, b := range nodes[:i] {
				changes = append(changes, both(a.Name(), b.Name(), rule)...)
			}
		}
	}
	return changes
}

// lossyNetwork is F12.
func lossyNetwork(ctx context.Context, s *Scene) error {
	target := s.some()
	switch s.Rand.IntN(3) {
	case 0:
		s.begin(target, false)
		return s.resets(ctx)
	case 1:
		return s.halfOpen(ctx)
	}
	s.begin(target, false)
	rule := link.Rule{
		Loss:      0.02 + 0.2*s.Rand.Float64(),
		Duplicate: 0.1 * s.Rand.Float64(),
		Reorder:   0.1 * s.Rand.Float64(),
	}
	return s.apply(ctx, s.everywhere(rule))
}

// resets breaks connections in the middle of what they carry, often.
func (s *Scene) resets(ctx context.Context) error {
	for range 5 {
		for _, c := range s.everywhere(link.Rule{}) {
			if err := s.Cluster.Network().Reset(c.from, c.to); err != nil {
				return err
			}
		}
		nap.Take(ctx, s.Hold/5)
	}
	return s.revive(ctx, s.free()...)
}

// halfOpen kills a node while nobody can hear it, so that all others keep
// connections to a process that does not know them.
func (s *Scene) halfOpen(ctx context.Context) error {
	n, release, err := s.one(ctx, 0.5)
	if err != nil {
		return err
	}
	defer release()
	s.begin(n.Name()+" half open", s.leads(ctx, n))
	changes := both(n.Name(), link.Clients, cut)
	for _, other := range s.others(n) {
		changes = append(changes, both(n.Name(), other.Name(), cut)...)
	}
	network := s.Cluster.Network()
	for _, c := range changes {
		if err := network.Set(c.from, c.to, c.rule); err != nil {
			return err
		}
	}
	n.Kill()
	for _, c := range changes {
		if err := network.Set(c.from, c.to, link.Rule{}); err != nil {
			return err
		}
	}
	return s.revive(ctx, n)
}
