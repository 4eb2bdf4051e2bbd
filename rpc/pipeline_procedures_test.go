package rpc

import (
	"strings"
	"testing"
	"unicode"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/conclavehq/conclave/internal/wire"
	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// eachUnary visits the unary calls of the API with their numbers in the
// pipeline.
func eachUnary(t *testing.T, visit func(number conclavev1.Procedure, method protoreflect.MethodDescriptor)) {
	t.Helper()
	protoregistry.GlobalFiles.RangeFilesByPackage("conclave.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				if method.IsStreamingClient() || method.IsStreamingServer() {
					continue
				}
				name := "PROCEDURE_" + strings.ToUpper(strings.TrimSuffix(string(service.Name()), "Service")) + upperSnake(string(method.Name()))
				number, ok := conclavev1.Procedure_value[name]
				if !ok {
					t.Errorf("%s has no number in pipeline.proto; add %s", method.FullName(), name)
					continue
				}
				visit(conclavev1.Procedure(number), method)
			}
		}
		return true
	})
}

func upperSnake(name string) string {
	var out strings.Builder
	for _, r := range name {
		if unicode.IsUpper(r) {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToUpper(r))
	}
	return out.String()
}

// Every unary call can be made through the pipeline.
func TestPipelineCarriesEveryUnaryCall(t *testing.T) {
	_, core, drain := newFake()
	defer drain()
	table := newProcedures(core, clusterHandler{core: core})
	eachUnary(t, func(number conclavev1.Procedure, method protoreflect.MethodDescriptor) {
		want := "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
		if got := table.find(number).name; got != want {
			t.Errorf("procedure %v is %s, want %s", number, got, want)
		}
	})
}

// The pipeline's codec does not look whether texts are UTF-8, so validation has
// to: what got through could not be encoded again.
func TestPipelineRefusesTextThatIsNot(t *testing.T) {
	_, core, drain := newFake()
	defer drain()
	table := newProcedures(core, clusterHandler{core: core})
	eachUnary(t, func(number conclavev1.Procedure, method protoreflect.MethodDescriptor) {
		kind, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
		if err != nil {
			t.Fatal(err)
		}
		spoil(kind.New(), 0, func(path string, message proto.Message) {
			data, err := wire.Append(nil, message.(wire.Message))
			if err != nil {
				t.Fatal(err)
			}
			p := table.find(number)
			switch {
			case p.change != nil:
				_, err = p.change(data)
			case p.question != nil:
				_, err = p.question(data)
			default:
				_, err = p.call(past, data)
			}
			// Two rules are as good: what a namespace is made of, and that parts of
			// a transaction have none of their own.
			if err == nil || !strings.Contains(err.Error(), "UTF-8") && !strings.Contains(err.Error(), "must be 1 to 64 of a-z") &&
				!strings.Contains(err.Error(), "leave it out here") {
				t.Errorf("%s with a broken %s: %v", method.Name(), path, err)
			}
		})
	})
}

// spoil calls test with message, once for each text in it, which is broken then.
func spoil(message protoreflect.Message, depth int, test func(path string, root proto.Message)) {
	spoilIn(message, message, "", depth, test)
}

func spoilIn(root, message protoreflect.Message, path string, depth int, test func(string, proto.Message)) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		at := path + string(field.Name())
		switch {
		case field.IsMap(), field.Message() != nil && field.Message().ParentFile().Package() != "conclave.v1":
		case field.IsList() && field.Message() != nil && depth < 3:
			list := message.Mutable(field).List()
			spoilIn(root, list.AppendMutable().Message(), at+".", depth+1, test)
			message.Clear(field)
		case field.IsList():
		case field.Message() != nil && depth < 3:
			spoilIn(root, message.Mutable(field).Message(), at+".", depth+1, test)
			message.Clear(field)
		case field.Kind() == protoreflect.StringKind:
			message.Set(field, protoreflect.ValueOfString("a\xff"))
			test(at, root.Interface())
			message.Clear(field)
		}
	}
}
