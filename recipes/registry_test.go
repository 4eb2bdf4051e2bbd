package recipes_test

import (
	"fmt"
	"strings"
	"testing"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	"github.com/conclavehq/conclave/recipes/model"
)

func register(state *model.State, service, id string) {
	do(state, &logv1.Command{Body: &logv1.Command_GrantLease{GrantLease: &logv1.GrantLease{LeaseId: 7, TtlMs: 1000}}})
	do(state, &logv1.Command{Body: &logv1.Command_RegisterInstance{RegisterInstance: &logv1.RegisterInstance{
		Instance: &logv1.Instance{Service: service, Id: id, LeaseId: 7},
	}}})
}

// Updates merge their metadata, and do not pile it up without end.
func TestMetadataIsBounded(t *testing.T) {
	state := model.New()
	register(state, "s", "1")
	update := func(key, value string) logv1.Reason {
		return do(state, &logv1.Command{Body: &logv1.Command_UpdateInstance{UpdateInstance: &logv1.UpdateInstance{
			Service: "s", Id: "1", Metadata: map[string]string{key: value},
		}}}).GetRefusal().GetReason()
	}
	for i := range 64 {
		if reason := update(fmt.Sprint("k", i), "v"); reason != logv1.Reason_REASON_UNSPECIFIED {
			t.Fatalf("entry %d: %v", i, reason)
		}
	}
	if reason := update("one more", "v"); reason != logv1.Reason_REASON_TOO_MANY {
		t.Errorf("entry 65: %v, want TOO_MANY", reason)
	}
	if reason := update("k0", strings.Repeat("v", 4096)); reason != logv1.Reason_REASON_TOO_MANY {
		t.Errorf("large entry: %v, want TOO_MANY", reason)
	}
	if reason := update("k0", ""); reason != logv1.Reason_REASON_UNSPECIFIED {
		t.Errorf("removal: %v", reason)
	}
}

// A page of one service never shows another one.
func TestPageStaysInItsService(t *testing.T) {
	state := model.New()
	for _, service := range []string{"a", "b", "c"} {
		register(state, service, "1")
	}
	answer := state.Ask(&logv1.Query{NamespaceId: 1, Body: &logv1.Query_ListInstances{
		ListInstances: &logv1.ListInstances{Service: "c", AfterService: "a", AfterId: "0"},
	}})
	for _, i := range answer.GetListInstances().GetInstances() {
		if i.GetService() != "c" {
			t.Errorf("the page of c shows instance %q of %q", i.GetId(), i.GetService())
		}
	}
}
