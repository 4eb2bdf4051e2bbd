// Package check judges the history of a run: pure functions over records, without
// network, clock or goroutines of their own, so that an old history can be judged
// again by a better checker.
//
// [Run] applies every checker to the records that it understands. Each has a file
// of its own, whose first comment says what it proves and what it does not:
//
//	linear     everything with a revision, against the log of its namespace
//	registers  porcupine per key, without revisions: a second opinion
//	locks      porcupine per mutex, job and election, likewise
//	cycles     lists: serializable and in real time, by cycles of dependencies
//	watch      what each watcher was told, and the logs themselves
//	lease      never early, and late by no more than the bound
//	token      tokens grow, and two holders never overlap
//	election   one leader per term, observers never go back
//	queue      no acknowledged job is lost or done twice
//	counter    blind increments happen once
//	registry   instances are seen while they live, and not for long after
//	namespaces nothing of a dropped namespace is seen in its successor
//	compactions what is refused and what is answered of the past
//	hashes     replicas are equal at equal indexes
//	complaint  what the harness itself saw and must not be
//
// # Three verdicts
//
// A violation is a proof that a promise was broken. What a checker could not decide
// (a log that is missing or too short, a search that ran out of time) is counted as
// inconclusive, and a run with one is a failed run like one with a violation: see
// [Report.OK]. Everything else was checked, and counted as such.
package check
