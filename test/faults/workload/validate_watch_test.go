package workload

import "github.com/conclavehq/conclave/test/faults/history"

// watcherState is how far a watcher is.
type watcherState struct {
	open   bool
	opened history.Record
	last   int64
}

// watch looks at a record of a watcher.
func (v *validator) watch(r *history.Record) {
	s := v.streams[r.Watcher]
	if s == nil {
		s = &watcherState{}
		v.streams[r.Watcher] = s
	}
	if s.open == (r.Kind == history.WatchOpened) {
		v.failf("out of place: %+v", r)
	}
	switch r.Kind {
	case history.WatchOpened:
		again := s.opened.Watcher != 0
		if again && s.last > 0 && r.From != s.last+1 {
			v.failf("it goes on at %d after %d: %+v", r.From, s.last, r)
		}
		s.open, s.opened = true, *r
	case history.WatchEnded:
		s.open = false
		if r.Reason == "" || r.Reason == "COMPACTED" && r.Revision == 0 {
			v.failf("it does not say why: %+v", r)
		}
	case history.WatchProgress:
		s.last = max(s.last, r.Revision)
	case history.WatchEvent:
		if r.Revision <= s.last || r.Revision < s.opened.From || len(r.Events) == 0 {
			v.failf("after %d, from %d: %+v", s.last, s.opened.From, r)
		}
		s.last = r.Revision
		for _, e := range r.Events {
			v.watched(s, r, e)
		}
	}
	if s.opened.Truth {
		v.reached[r.Namespace] = max(v.reached[r.Namespace], s.last)
	}
}

func (v *validator) watched(s *watcherState, r *history.Record, e history.Event) {
	o := s.opened
	if e.KV.Modified != r.Revision {
		v.failf("an event of %d: %+v", e.KV.Modified, r)
	}
	if e.Delete && o.Filter&history.NoDeletes != 0 || !e.Delete && o.Filter&history.NoPuts != 0 {
		v.failf("it is filtered: %+v", r)
	}
	if e.Previous != nil && !o.Previous {
		v.failf("nobody asked for the version before: %+v", r)
	}
	if o.End == "" && o.Key != "" && e.KV.Key != o.Key || o.End != "" && (e.KV.Key < o.Key || e.KV.Key >= o.End) {
		v.failf("nobody asked for this key: %+v, %+v", o, r)
	}
	if !o.Truth {
		return
	}
	if v.truth[r.Namespace] == nil {
		v.truth[r.Namespace] = make(map[string]bool)
	}
	v.truth[r.Namespace][event(r.Revision, e.KV.Key, e.KV.Value)] = true
}
