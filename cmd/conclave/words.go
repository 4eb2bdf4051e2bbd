package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// fieldWords are the service's names of what a user gives as argument or flag.
// A complaint begins with one.
var fieldWords = map[string]string{
	"name": "NAME", "queue": "QUEUE", "service": "SERVICE", "id": "INSTANCE", "key": "KEY", "value": "VALUE", "body": "BODY",
	"span.key": "KEY", "span.end": "RANGE-END", "job_id": "JOB", "receipt": "RECEIPT", "lease_id": "LEASE", "ttl": "--ttl",
	"instance.service": "SERVICE", "instance.id": "the id of the instance", "instance.address": "ADDRESS",
	"instance.zone": "--zone", "instance.weight": "--weight", "instance.metadata": "--meta", "weight": "--weight", "metadata": "--meta",
	"card.identity": "--identity", "card.purpose": "--purpose", "actor": "--actor", "reason": "--reason", "to": "--to",
	"wait": "--wait", "lock_delay": "--lock-delay", "claim_for": "--claim-for", "priority": "--priority", "delay": "--delay",
	"group": "--group", "dedup_id": "--dedup", "max_attempts": "--max-attempts", "backoff.initial": "--backoff", "backoff.max": "--max-backoff",
	"retain": "--retain", "headers": "--header", "result": "--result", "guards": "--hold", "max": "--count", "shard_id": "--shard",
	"limit": "--limit", "revision": "--rev", "namespace": "the name of the namespace",
}

// innerWords are such names, and advice for programs, inside of sentences.
var innerWords = strings.NewReplacer(
	"wait_forever waits as long as the session lives", "without it there is no bound",
	"ignore_value", "--ignore-value",
	"ignore_lease", "--ignore-lease",
	"span.key", "KEY",
	"lock_delay", "--lock-delay",
	"lease_id", "lease",
	"with its request_id", "as it was",
	"request_id", "request id",
	"give a wait", "give a --wait",
)

var (
	branchPlace  = regexp.MustCompile(`^(success|failure)\[(\d+)\]\.(?:put|range|delete|enqueue)\.`)
	comparePlace = regexp.MustCompile(`^compares\[(\d+)\]\.`)
)

// userWords says a sentence of the service in the words of the command line.
// What is quoted stays as it is.
func userWords(sentence string) string {
	place := ""
	if m := branchPlace.FindStringSubmatch(sentence); m != nil {
		branch := map[string]string{"success": "first", "failure": "second"}[m[1]]
		place, sentence = fmt.Sprintf("operation %s of the %s branch: ", counting(m[2]), branch), sentence[len(m[0]):]
	} else if m := comparePlace.FindStringSubmatch(sentence); m != nil {
		place, sentence = fmt.Sprintf("condition %s: ", counting(m[1])), sentence[len(m[0]):]
	}
	// A rule follows a field, e.g. "is missing"; a name or a number follows a noun,
	// e.g. in `key "a" has no value`.
	if field, rest, _ := strings.Cut(sentence, " "); fieldWords[field] != "" && startsLower(rest) {
		sentence = fieldWords[field] + " " + rest
	}
	parts := strings.Split(sentence, `"`)
	for i := 0; i < len(parts); i += 2 {
		parts[i] = innerWords.Replace(parts[i])
	}
	return place + strings.Join(parts, `"`)
}

func startsLower(text string) bool { return text != "" && text[0] >= 'a' && text[0] <= 'z' }

// counting is an index as people count, from 1.
func counting(index string) string {
	n, err := strconv.Atoi(index)
	if err != nil {
		return index
	}
	return strconv.Itoa(n + 1)
}
