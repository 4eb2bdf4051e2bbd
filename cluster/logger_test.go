package cluster

import (
	"testing"

	"github.com/rs/zerolog"
)

// Dragonboat #249: a logger whose Panicf returned let the engine go on with data that
// it knew to be wrong. Ours does not return: with a log it ends the process, and
// without one, as here, it panics.
func TestRegressionDragonboatPanicfDoesNotReturn(t *testing.T) {
	before := engineLog.Load()
	defer engineLog.Store(before)
	quiet := zerolog.Nop()
	engineLog.Store(&quiet)
	defer func() {
		if recover() == nil {
			t.Error("Panicf returned")
		}
	}()
	engineLogger("test").Panicf("entry %d is wrong", 1)
}
