package nap

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !Take(t.Context(), time.Minute) || time.Since(began) != time.Minute {
			t.Errorf("a minute took %v", time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if Take(ctx, time.Minute) || time.Since(began) != time.Second {
			t.Errorf("it took %v although the context ended after a second", time.Since(began))
		}
		if Take(ctx, 0) {
			t.Error("it went on although the context had ended")
		}
	})
}
