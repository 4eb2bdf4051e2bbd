// Package fault puts the faults F01 to F28 into a running cluster: it kills and
// stops processes, cuts and slows networks, fills, breaks and cuts the power of
// disks, and takes each of them back again.
//
// A [Fault] is a function that does one injection from beginning to end: it picks
// its target with the step's own random source, does the harm, holds it for as
// long as the step says, heals, and returns when what it stopped is running again.
// What it returns is an error of the harness; what the harm did to the cluster is
// for the checkers to find. [All] is the catalogue, which `faults list` prints.
//
// A [Scene] belongs to one injection and is used by one goroutine. Several
// injections may run at a time in one cluster (F28): [Taken] sees to it that no two
// of them take the same node, and that no more than a minority is down unless a
// fault is about just that.
package fault
