package cluster

import (
	"context"
	"io"
	"log"
	"strings"
	"testing"
	"time"
)

func TestNobodyAnswers(t *testing.T) {
	for _, endpoints := range []string{"http://127.0.0.1:1", "ftp://127.0.0.1", ","} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, _, err := Connect(ctx, endpoints, log.New(io.Discard, "", 0))
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("endpoints %q: got %v, want one sentence", endpoints, err)
		}
		cancel()
	}
}
