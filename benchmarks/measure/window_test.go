package measure

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWindowCountsOnlyWhatEndsWhileItMeasures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, closed time.Duration
		began := time.Now()
		w := &Window{Warmup: time.Second, Duration: 2 * time.Second}
		w.Opened = func() { opened = time.Since(began) }
		w.Closed = func() { closed = time.Since(began) }
		lane := w.Lane()
		w.Start(t.Context())
		tick := time.NewTicker(400 * time.Millisecond)
		defer tick.Stop()
		for !w.Over() {
			<-tick.C
			lane.Done(5 * time.Millisecond)
		}
		<-w.Done()
		if opened != time.Second || closed != 3*time.Second {
			t.Errorf("opened after %s and closed after %s", opened, closed)
		}
		// Those at 1.2, 1.6, 2.0, 2.4 and 2.8 s.
		if got := w.Operations(); got != 5 {
			t.Errorf("counted %d, want 5", got)
		}
		r := w.Result()
		if r.Rate != 2.5 || r.P50 < 4.99 || r.P50 > 5.01 || r.Errors != 0 {
			t.Errorf("got %+v", r)
		}
	})
}

func TestWindowCountsErrorsAlsoWhileItWarms(t *testing.T) {
	w := &Window{}
	w.Fail(nil)
	w.Fail(errors.New("first"))
	w.Fail(errors.New("second"))
	if r := w.Result(); r.Errors != 2 || r.FirstError != "first" {
		t.Errorf("got %+v", r)
	}
}

func TestWindowEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &Window{Warmup: time.Hour}
		w.Start(ctx)
		cancel()
		<-w.Done()
		if !w.Over() {
			t.Error("it goes on")
		}
		w.Fail(context.Canceled)
		if r := w.Result(); r.Errors != 0 {
			t.Errorf("its own end counts as %d errors", r.Errors)
		}
	})
}

func TestQuantiles(t *testing.T) {
	w := &Window{Duration: time.Second}
	w.phase.Store(measuring)
	one, two := w.Lane(), w.Lane()
	for i := range 1000 {
		lane := one
		if i%2 == 0 {
			lane = two
		}
		lane.Done(time.Duration(i+1) * time.Millisecond)
	}
	two.Count(10)
	r := w.Result()
	for _, c := range []struct{ got, want float64 }{{r.P50, 500}, {r.P99, 990}, {r.P999, 999}} {
		if c.got < c.want*0.998 || c.got > c.want*1.002 {
			t.Errorf("got %g ms, want about %g", c.got, c.want)
		}
	}
	if n := w.Operations(); n != 1010 {
		t.Errorf("counted %d", n)
	}
}

func TestDiskSyncs(t *testing.T) {
	rate, err := DiskSyncs(t.Context(), t.TempDir(), 20*time.Millisecond)
	if err != nil || rate <= 0 {
		t.Errorf("got %g, %v", rate, err)
	}
}
