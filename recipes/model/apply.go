package model

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes"
)

// A rule and a question with their types forgotten.
type (
	rule     func(recipes.Tx, proto.Message) (proto.Message, *logv1.Refusal)
	question func(recipes.Reader, proto.Message) (proto.Message, *logv1.Refusal)
)

func command[C, R proto.Message](apply func(recipes.Tx, C) (R, *logv1.Refusal)) rule {
	return func(tx recipes.Tx, body proto.Message) (proto.Message, *logv1.Refusal) {
		return apply(tx, body.(C))
	}
}

func query[Q, R proto.Message](ask func(recipes.Reader, Q) (R, *logv1.Refusal)) question {
	return func(r recipes.Reader, body proto.Message) (proto.Message, *logv1.Refusal) {
		return ask(r, body.(Q))
	}
}

// Apply runs one command as a replica does: a known request id is answered
// from memory, a refused command leaves nothing behind.
func (s *State) Apply(cmd *logv1.Command, clock recipes.Clock, wallMS int64) (*logv1.Result, []*logv1.Event) {
	tx := s.Begin(keys.Namespace(cmd.GetNamespaceId()), clock, wallMS)
	result := recipes.Once(tx, cmd, func() *logv1.Result {
		mark := tx.Mark()
		result := &logv1.Result{}
		name, body := bodyOf(cmd)
		answer, refusal := commands[name](tx, body)
		if refusal != nil {
			tx.Rollback(mark)
			result.Refusal = refusal
		} else {
			setBody(result, name, answer)
		}
		result.Revision = int64(tx.Revision())
		return result
	})
	return result, tx.Events()
}

// Ask answers one query.
func (s *State) Ask(q *logv1.Query) *logv1.Answer {
	r := s.Reader(keys.Namespace(q.GetNamespaceId()))
	name, body := bodyOf(q)
	answer := &logv1.Answer{Revision: int64(r.Revision())}
	result, refusal := queries[name](r, body)
	if refusal != nil {
		answer.Refusal = refusal
	} else {
		setBody(answer, name, result)
	}
	return answer
}

// Reopen does what a replica does when it opens its directory again: it makes
// the records anew that are kept in memory only.
func (s *State) Reopen(ns keys.Namespace) {
	tx := s.Begin(ns, s.clock, 0)
	for _, rec := range s.Records(ns, keys.DerivedTimer) {
		tx.Delete(rec.Key)
	}
	recipes.Rebuild(tx)
}

// bodyOf returns which field of the oneof "body" is set, and its message.
func bodyOf(m proto.Message) (protoreflect.Name, proto.Message) {
	r := m.ProtoReflect()
	field := r.WhichOneof(r.Descriptor().Oneofs().ByName("body"))
	return field.Name(), r.Get(field).Message().Interface()
}

// setBody sets the field of that name: a command and its result, a query and
// its answer have the same one.
func setBody(m proto.Message, name protoreflect.Name, body proto.Message) {
	r := m.ProtoReflect()
	r.Set(r.Descriptor().Fields().ByName(name), protoreflect.ValueOfMessage(body.ProtoReflect()))
}
