package main

import "testing"

func TestUserWords(t *testing.T) {
	for said, want := range map[string]string{
		"instance.id is missing; give 1 to 256 bytes":                 "the id of the instance is missing; give 1 to 256 bytes",
		"lock_delay must be 0s to 1m0s, not 2m0s":                     "--lock-delay must be 0s to 1m0s, not 2m0s",
		"success[1].put.key is missing; give 1 to 4096 bytes":         "operation 2 of the first branch: KEY is missing; give 1 to 4096 bytes",
		"compares[0].span.end must come after span.key":               "condition 1: RANGE-END must come after KEY",
		`key "lease_id" has no value; ignore_value needs one`:         `key "lease_id" has no value; --ignore-value needs one`,
		"value and ignore_value exclude each other; give one of them": "VALUE and --ignore-value exclude each other; give one of them",
		"nobody holds the mutex":                                      "nobody holds the mutex",
	} {
		if got := userWords(said); got != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
}
