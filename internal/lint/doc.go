// Package lint holds the rules of this repository as tests: who may import whom,
// what apply may not do, what a recipe consists of, and how code is presented.
//
// A failure names the place, the rule and the reason for the rule. A rule about a
// directory passes while that directory does not exist. An exception is a change
// of the table in the test, with its reason beside it; there is no comment that
// switches a rule off.
package lint
