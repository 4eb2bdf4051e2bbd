//go:build linux

package link

import "errors"

var errSame = errors.New("an endpoint has no way to itself through the network")

// Set gives one direction a rule. Either name may be All, which stands for every
// other endpoint.
func (n *Network) Set(from, to string, rule Rule) error {
	return n.SetAll(map[Way]Rule{{from, to}: rule})
}

// SetAll gives several directions their rules at one moment. Where ways overlap,
// one without All wins.
func (n *Network) SetAll(rules map[Way]Rule) error {
	var broad, exact []setting
	for way, rule := range rules {
		all, err := n.settings(way, rule)
		if err != nil {
			return err
		}
		if way.From == All || way.To == All {
			broad = append(broad, all...)
		} else {
			exact = append(exact, all...)
		}
	}
	_, err := n.ask(request{Set: append(broad, exact...)})
	return err
}

// Clear lets everything pass again, at once also what was delayed.
func (n *Network) Clear() error { return n.Set(All, All, Rule{}) }

// Reset ends all TCP connections between two endpoints: both ends read
// ECONNRESET.
func (n *Network) Reset(from, to string) error {
	_, err := n.reset(from, to, false)
	return err
}

// HalfOpen ends all TCP connections of one endpoint with another one, which is not
// told and still takes them for open.
func (n *Network) HalfOpen(at, with string) error {
	_, err := n.reset(at, with, true)
	return err
}

// reset returns how many connections there were.
func (n *Network) reset(a, b string, half bool) (count int, err error) {
	ways, err := n.settings(Way{a, b}, Rule{})
	if err != nil {
		return 0, err
	}
	for _, way := range ways {
		told, err := n.ask(request{Reset: &resetting{way.From, way.To, half}})
		if err != nil {
			return count, err
		}
		count += told.Reset
	}
	return count, nil
}

// Counts are what became of the packets of each direction.
func (n *Network) Counts() (map[Way]Count, error) {
	told, err := n.ask(request{Count: true})
	if err != nil {
		return nil, err
	}
	counts := make(map[Way]Count)
	for i, from := range n.endpoints {
		for j, to := range n.endpoints {
			if i != j {
				counts[Way{from.name, to.name}] = told.Counts[i][j]
			}
		}
	}
	return counts, nil
}

// settings are the directions that a way stands for.
func (n *Network) settings(way Way, rule Rule) ([]setting, error) {
	var all []setting
	for i, from := range n.endpoints {
		for j, to := range n.endpoints {
			if i != j && (way.From == All || way.From == from.name) && (way.To == All || way.To == to.name) {
				all = append(all, setting{i, j, rule})
			}
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	for _, name := range []string{way.From, way.To} {
		if name == All {
			continue
		}
		if _, err := n.index(name); err != nil {
			return nil, err
		}
	}
	return nil, errSame
}
