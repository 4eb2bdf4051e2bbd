package conclave

import (
	"google.golang.org/protobuf/proto"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// Subject is what of a key a transaction compares. A key that does not exist
// has version, revisions and lease 0 and no value: any comparison of its value
// fails.
type Subject[T any] struct {
	compare *conclavev1.Compare
	operand func(*conclavev1.Compare, T)
}

// Value compares the value of a key, byte by byte.
func Value(key string) Subject[string] {
	return Subject[string]{
		compare: compareOf(key, conclavev1.CompareTarget_COMPARE_TARGET_VALUE),
		operand: func(c *conclavev1.Compare, value string) { c.Value = textValue(value) },
	}
}

// Version compares how often a key was written since it exists; 0: it does not.
func Version(key string) Subject[int64] {
	return number[int64](key, conclavev1.CompareTarget_COMPARE_TARGET_VERSION)
}

// CreateRevision compares the revision at which a key began; 0: it does not
// exist.
func CreateRevision(key string) Subject[Revision] {
	return number[Revision](key, conclavev1.CompareTarget_COMPARE_TARGET_CREATE_REVISION)
}

// ModRevision compares the revision of a key's last write; 0: it does not exist.
func ModRevision(key string) Subject[Revision] {
	return number[Revision](key, conclavev1.CompareTarget_COMPARE_TARGET_MOD_REVISION)
}

// LeaseOf compares the lease of a key; 0: it has none.
func LeaseOf(key string) Subject[LeaseID] {
	return number[LeaseID](key, conclavev1.CompareTarget_COMPARE_TARGET_LEASE)
}

// Over compares every key of a span instead of one: all have to fulfil the
// condition, and those that do not exist count for nothing.
func (s Subject[T]) Over(span SpanOption) Subject[T] {
	wide := proto.CloneOf(s.compare)
	span.applySpan(wide.GetSpan())
	return Subject[T]{wide, s.operand}
}

// Equal holds when the subject is v.
func (s Subject[T]) Equal(v T) Condition {
	return s.condition(conclavev1.CompareOperator_COMPARE_OPERATOR_EQUAL, v)
}

// NotEqual holds when the subject is not v.
func (s Subject[T]) NotEqual(v T) Condition {
	return s.condition(conclavev1.CompareOperator_COMPARE_OPERATOR_NOT_EQUAL, v)
}

// Greater holds when the subject is greater than v.
func (s Subject[T]) Greater(v T) Condition {
	return s.condition(conclavev1.CompareOperator_COMPARE_OPERATOR_GREATER, v)
}

// Less holds when the subject is less than v.
func (s Subject[T]) Less(v T) Condition {
	return s.condition(conclavev1.CompareOperator_COMPARE_OPERATOR_LESS, v)
}

func (s Subject[T]) condition(operator conclavev1.CompareOperator, v T) Condition {
	compare := proto.CloneOf(s.compare)
	compare.Operator = operator
	s.operand(compare, v)
	return comparison{compare}
}

type comparison struct {
	compare *conclavev1.Compare
}

func (c comparison) applyIf(req *conclavev1.TxnRequest) {
	req.Compares = append(req.Compares, c.compare)
}

func compareOf(key string, target conclavev1.CompareTarget) *conclavev1.Compare {
	return &conclavev1.Compare{Span: &conclavev1.Span{Key: key}, Target: target}
}

func number[T ~int64](key string, target conclavev1.CompareTarget) Subject[T] {
	return Subject[T]{
		compare: compareOf(key, target),
		operand: func(c *conclavev1.Compare, v T) { c.Number = int64(v) },
	}
}
