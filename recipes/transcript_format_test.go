package recipes_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// This file prints what a command gave. A message prints as name=value for
// each field that is set, in the order of their numbers, without the endings
// _id and _ms; a message inside prints as name{…}.

// formatResult prints a command's result: one line, and one more for each
// message of a list in it.
func formatResult(result *logv1.Result) string {
	again := ""
	if result.GetReplayed() {
		again = " again"
	}
	if refusal := result.GetRefusal(); refusal != nil {
		return fmt.Sprintf("refused%s: %s (revision %d)\n", again, formatRefusal(refusal), result.GetRevision())
	}
	line, lists := formatBody(result)
	return fmt.Sprintf("ok%s%s (revision %d)\n%s", again, line, result.GetRevision(), lists)
}

// formatAnswer prints a query's answer like a result, but without a revision:
// a question changes none.
func formatAnswer(answer *logv1.Answer) string {
	if refusal := answer.GetRefusal(); refusal != nil {
		return "refused: " + formatRefusal(refusal) + "\n"
	}
	line, lists := formatBody(answer)
	return "ok" + line + "\n" + lists
}

func formatEvents(events []*logv1.Event) string {
	var out strings.Builder
	for _, event := range events {
		name, body := bodyOf(event)
		fmt.Fprintf(&out, "  event %s: %s\n", name, formatInline(body))
	}
	return out.String()
}

// formatRefusal puts the reason first and the sentence last.
func formatRefusal(refusal *logv1.Refusal) string {
	rest := refusal.CloneVT()
	rest.Reason, rest.Detail = 0, ""
	words := []string{strings.TrimPrefix(refusal.GetReason().String(), "REASON_")}
	if fields := formatInline(rest.ProtoReflect()); fields != "" {
		words = append(words, fields)
	}
	if refusal.GetDetail() != "" {
		words = append(words, "- "+refusal.GetDetail())
	}
	return strings.Join(words, " ")
}

// formatBody prints the message in the oneof body: its fields on one line, the
// messages in its lists on lines of their own. A message that is nothing but
// the frame of another one prints as that.
func formatBody(m proto.Message) (line, lists string) {
	_, body := bodyOf(m)
	if fields := setFields(body); len(fields) == 1 && fields[0].Message() != nil && !fields[0].IsList() && !fields[0].IsMap() {
		body = body.Get(fields[0]).Message()
	}
	var words, lines []string
	for _, field := range setFields(body) {
		if !field.IsList() || field.Message() == nil {
			words = append(words, formatField(body, field)...)
			continue
		}
		for _, item := range listOf(body, field) {
			lines = append(lines, fmt.Sprintf("  %s: %s\n", label(field), formatInline(item.Message())))
		}
	}
	if len(words) > 0 {
		line = ": " + strings.Join(words, " ")
	}
	return line, strings.Join(lines, "")
}

func formatInline(m protoreflect.Message) string {
	var words []string
	for _, field := range setFields(m) {
		words = append(words, formatField(m, field)...)
	}
	return strings.Join(words, " ")
}

// formatField prints one field, a list as one word for each item.
func formatField(m protoreflect.Message, field protoreflect.FieldDescriptor) []string {
	switch {
	case field.IsMap():
		var entries []string
		m.Get(field).Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			entries = append(entries, key.String()+":"+value.String())
			return true
		})
		slices.Sort(entries)
		return []string{label(field) + "{" + strings.Join(entries, " ") + "}"}
	case field.IsList():
		var words []string
		for _, item := range listOf(m, field) {
			words = append(words, formatValue(field, item))
		}
		return words
	default:
		return []string{formatValue(field, m.Get(field))}
	}
}

func formatValue(field protoreflect.FieldDescriptor, value protoreflect.Value) string {
	switch field.Kind() {
	case protoreflect.MessageKind:
		return label(field) + "{" + formatInline(value.Message()) + "}"
	case protoreflect.EnumKind:
		name := string(field.Enum().Values().ByNumber(value.Enum()).Name())
		return label(field) + "=" + strings.TrimPrefix(name, enumPrefix(field.Enum()))
	case protoreflect.StringKind:
		return label(field) + "=" + quoted(value.String())
	case protoreflect.BytesKind:
		return label(field) + "=" + quoted(string(value.Bytes()))
	case protoreflect.Int64Kind:
		if strings.HasSuffix(string(field.Name()), "_ms") {
			return label(field) + "=" + formatMS(value.Int())
		}
	}
	return label(field) + "=" + value.String()
}

// quoted quotes a text that would not read as one word.
func quoted(text string) string {
	if text == "" || strings.ContainsAny(text, " \"=\n{}") || strconv.Quote(text) != `"`+text+`"` {
		return strconv.Quote(text)
	}
	return text
}

// formatMS prints milliseconds without the zeros: 1m, not 1m0s.
func formatMS(ms int64) string {
	text := (time.Duration(ms) * time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func label(field protoreflect.FieldDescriptor) string {
	name := string(field.Name())
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_ms"), "_id"), "_in")
}

func bodyOf(m proto.Message) (protoreflect.Name, protoreflect.Message) {
	r := m.ProtoReflect()
	field := r.WhichOneof(r.Descriptor().Oneofs().ByName("body"))
	return field.Name(), r.Get(field).Message()
}

// setFields returns the fields that are set, in the order of the message.
func setFields(m protoreflect.Message) []protoreflect.FieldDescriptor {
	var set []protoreflect.FieldDescriptor
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if m.Has(fields.Get(i)) {
			set = append(set, fields.Get(i))
		}
	}
	return set
}

func listOf(m protoreflect.Message, field protoreflect.FieldDescriptor) []protoreflect.Value {
	list := m.Get(field).List()
	items := make([]protoreflect.Value, list.Len())
	for i := range items {
		items[i] = list.Get(i)
	}
	return items
}
