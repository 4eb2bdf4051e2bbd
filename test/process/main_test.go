package process

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv(childTask) != "" {
		os.Exit(beChild())
	}
	code := m.Run()
	removeBinary()
	os.Exit(code)
}
