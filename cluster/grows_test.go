package cluster

import (
	"slices"
	"strings"
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// Whoever adds a command says here whether it is refused while a disk is nearly full:
// by default it is not.
//
// Promise S5.
func TestEveryCommandIsJudged(t *testing.T) {
	grow := strings.Fields(`put import_keys grant_lease acquire_mutex campaign proclaim enqueue
		register_instance update_instance create_namespace`)
	goOn := strings.Fields(`delete_range txn compact revoke_lease renew_lease expire_timers
		release_mutex cancel_acquire break_mutex resign cancel_campaign hand_over
		claim_jobs extend_claim ack_job nack_job bury_job kick_jobs cancel_job cancel_claim
		deregister_instance claim_epoch register_node replace_node delete_namespace drop_namespace compute_hash`)
	fields := new(logv1.Command).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		name := string(field.Name())
		if slices.Contains(grow, name) == slices.Contains(goOn, name) {
			t.Errorf("%s: nobody says whether it makes the state larger", name)
			continue
		}
		command := &logv1.Command{}
		command.ProtoReflect().Set(field, command.ProtoReflect().NewField(field))
		if got, want := grows(encodeCommand(command)), slices.Contains(grow, name); got != want {
			t.Errorf("%s makes the state larger: %v, want %v", name, got, want)
		}
	}
	first := &logv1.CreateNamespace{Name: DefaultNamespace} // without it a new cluster does not begin
	if grows(encodeCommand(&logv1.Command{Body: &logv1.Command_CreateNamespace{CreateNamespace: first}})) {
		t.Error("the default namespace is refused")
	}
}
