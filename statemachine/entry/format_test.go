package entry

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// formats are the commands by the format that brought them. What was released
// stays as it is; a new command is listed under a new format.
var formats = [][]string{
	strings.Fields(`put delete_range txn compact
		grant_lease revoke_lease renew_lease expire_timers
		acquire_mutex release_mutex cancel_acquire break_mutex
		campaign proclaim resign cancel_campaign hand_over
		enqueue claim_jobs extend_claim ack_job nack_job bury_job kick_jobs cancel_job cancel_claim
		register_instance update_instance deregister_instance
		claim_epoch register_node replace_node create_namespace delete_namespace drop_namespace compute_hash`),
	strings.Fields(`import_keys`),
}

// Promise S4: a node is never sent a command that is younger than its program.
func TestFormats(t *testing.T) {
	if len(formats) != Format {
		t.Errorf("the test lists %d formats, this program knows %d", len(formats), Format)
	}
	fields := (&logv1.Command{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	listed := 0
	for i := range fields.Len() {
		field := fields.Get(i)
		command := &logv1.Command{}
		command.ProtoReflect().Set(field, protoreflect.ValueOfMessage(command.ProtoReflect().NewField(field).Message()))
		want := slices.IndexFunc(formats, func(names []string) bool { return slices.Contains(names, string(field.Name())) })
		if want < 0 {
			t.Errorf("%s is a new command; raise Format, give it that number in FormatOf, and list it here", field.Name())
			continue
		}
		listed++
		if got := FormatOf(command); got != uint32(want+1) {
			t.Errorf("%s needs format %d, FormatOf says %d", field.Name(), want+1, got)
		}
	}
	if all := slices.Concat(formats...); len(all) != listed {
		t.Errorf("%d commands are listed, %d of them exist", len(all), listed)
	}
}
