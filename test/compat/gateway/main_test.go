package gateway

import (
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }
