package recipes_test

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// This file turns a line of a transcript into a message of the log. An
// argument `name=value` sets the field of that name, where
//
//   - - is as good as _, and the endings _id and _ms may be left out
//     (lease=1, wait=10s); id alone is the only field that ends with _id;
//   - a field that the message lacks is looked for in its card or instance
//     (identity=worker-7);
//   - times are 10s, 500ms, or forever (-1); enums may leave out their prefix
//     (status=SERVING); an entry of a map is name:value;
//   - a message is written as prototext (guards='mutex{name:"db" token:2}');
//   - a list is the same argument several times.
//
// request=CLIENT/SEQUENCE and done-below=N give any command a request id.

// splitWords splits a line at spaces outside of single quotes.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quoted, started := false, false
	for _, r := range line {
		switch {
		case r == '\'':
			quoted, started = !quoted, true
		case r == ' ' && !quoted:
			if started {
				words = append(words, word.String())
			}
			word.Reset()
			started = false
		default:
			word.WriteRune(r)
			started = true
		}
	}
	if quoted {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}

// queryName returns the field of Query.body that a word asks for.
func queryName(word string) (string, bool) {
	switch {
	case strings.HasPrefix(word, "show-"):
		return "get-" + strings.TrimPrefix(word, "show-"), true
	case strings.HasPrefix(word, "list-"), strings.HasPrefix(word, "peek-"), strings.HasPrefix(word, "export-"),
		word == "range", word == "read-txn":
		return word, true
	default:
		return "", false
	}
}

// takeRequestID takes the arguments of a request id out of words.
func takeRequestID(cmd *logv1.Command, words []string) (rest []string, err error) {
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "request":
			client, sequence, _ := strings.Cut(value, "/")
			cmd.RequestId = &logv1.RequestId{Client: client}
			cmd.RequestId.Sequence, err = strconv.ParseUint(sequence, 10, 64)
		case "done-below":
			cmd.RequestId.DoneBelow, err = strconv.ParseUint(value, 10, 64)
		default:
			rest = append(rest, word)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
	}
	return rest, nil
}

// decodeBody sets the field of the oneof body that word names, from arguments.
func decodeBody(m proto.Message, word string, args []string) error {
	field := m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(snake(word)))
	if field == nil || field.ContainingOneof() == nil {
		return fmt.Errorf("there is no %s called %s", m.ProtoReflect().Descriptor().Name(), word)
	}
	body := m.ProtoReflect().Mutable(field).Message()
	for _, arg := range args {
		name, value, found := strings.Cut(arg, "=")
		if !found {
			return fmt.Errorf("%q is not name=value", arg)
		}
		target, field := findField(body, snake(name))
		if field == nil {
			return fmt.Errorf("%s has no field %s", body.Descriptor().Name(), name)
		}
		if err := setField(target, field, value); err != nil {
			return fmt.Errorf("%s: %w", arg, err)
		}
	}
	return nil
}

func snake(word string) string { return strings.ReplaceAll(word, "-", "_") }

// findField finds the field that an argument means, and the message that has
// it: m itself, or a message in m that describes the same thing.
func findField(m protoreflect.Message, name string) (protoreflect.Message, protoreflect.FieldDescriptor) {
	if field := fieldOf(m.Descriptor(), name); field != nil {
		return m, field
	}
	for _, part := range []protoreflect.Name{"instance", "node", "card"} {
		inner := m.Descriptor().Fields().ByName(part)
		if inner == nil {
			continue
		}
		if field := fieldOf(inner.Message(), name); field != nil {
			return m.Mutable(inner).Message(), field
		}
	}
	return nil, nil
}

func fieldOf(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	fields := message.Fields()
	for _, full := range []string{name, name + "_id", name + "_ms"} {
		if field := fields.ByName(protoreflect.Name(full)); field != nil {
			return field
		}
	}
	var only protoreflect.FieldDescriptor
	for i := range fields.Len() {
		if field := fields.Get(i); name == "id" && strings.HasSuffix(string(field.Name()), "_id") {
			if only != nil {
				return nil
			}
			only = field
		}
	}
	return only
}

// setField sets a field from its text.
func setField(m protoreflect.Message, field protoreflect.FieldDescriptor, text string) error {
	if field.IsMap() {
		key, value, _ := strings.Cut(text, ":")
		m.Mutable(field).Map().Set(protoreflect.ValueOfString(key).MapKey(), protoreflect.ValueOfString(value))
		return nil
	}
	value, err := parseValue(m, field, text)
	if err != nil {
		return err
	}
	if field.IsList() {
		m.Mutable(field).List().Append(value)
		return nil
	}
	m.Set(field, value)
	return nil
}

func parseValue(m protoreflect.Message, field protoreflect.FieldDescriptor, text string) (protoreflect.Value, error) {
	switch field.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), nil
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(text)), nil
	case protoreflect.BoolKind:
		b, err := strconv.ParseBool(text)
		return protoreflect.ValueOfBool(b), err
	case protoreflect.Int64Kind:
		n, err := parseNumber(field, text)
		return protoreflect.ValueOfInt64(n), err
	case protoreflect.Int32Kind:
		n, err := strconv.ParseInt(text, 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), err
	case protoreflect.Uint64Kind:
		n, err := strconv.ParseUint(text, 10, 64)
		return protoreflect.ValueOfUint64(n), err
	case protoreflect.Uint32Kind:
		n, err := strconv.ParseUint(text, 10, 32)
		return protoreflect.ValueOfUint32(uint32(n)), err
	case protoreflect.EnumKind:
		value := field.Enum().Values().ByName(protoreflect.Name(enumPrefix(field.Enum()) + text))
		if value == nil {
			return protoreflect.Value{}, fmt.Errorf("%s has no value %s", field.Enum().Name(), text)
		}
		return protoreflect.ValueOfEnum(value.Number()), nil
	case protoreflect.MessageKind:
		var value protoreflect.Value
		if field.IsList() {
			value = m.NewField(field).List().NewElement()
		} else {
			value = m.NewField(field)
		}
		return value, prototext.Unmarshal([]byte(text), value.Message().Interface())
	default:
		return protoreflect.Value{}, fmt.Errorf("a field of kind %s cannot be written here", field.Kind())
	}
}

// parseNumber reads a number, or a time when the field counts milliseconds.
func parseNumber(field protoreflect.FieldDescriptor, text string) (int64, error) {
	if text == "forever" {
		return -1, nil
	}
	if strings.HasSuffix(string(field.Name()), "_ms") {
		if span, err := time.ParseDuration(text); err == nil {
			return span.Milliseconds(), nil
		}
	}
	return strconv.ParseInt(text, 10, 64)
}

// enumPrefix is what each value of an enum begins with: TICKET_OUTCOME_.
func enumPrefix(enum protoreflect.EnumDescriptor) string {
	return strings.TrimSuffix(string(enum.Values().ByNumber(0).Name()), "UNSPECIFIED")
}
