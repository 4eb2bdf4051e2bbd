// Package measure counts what happens in a window of time, and says what many
// such windows together tell.
//
// A Window has three phases: warming, measuring, over. Workers run through all of
// them without a pause and look at Over after each operation; only what ends
// while it is measuring is counted. So a system is measured under its load, not
// while the load begins or ends.
package measure
