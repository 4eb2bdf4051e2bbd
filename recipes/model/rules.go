package model

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/conclavehq/conclave/recipes"
)

// commands has the rule of each command that a rule decides, by its name in
// Command.body.
var commands = map[protoreflect.Name]rule{
	"put":          command(recipes.Put),
	"delete_range": command(recipes.DeleteRange),
	"txn":          command(recipes.Txn),
	"compact":      command(recipes.Compact),
	"import_keys":  command(recipes.ImportKeys),

	"grant_lease":   command(recipes.GrantLease),
	"revoke_lease":  command(recipes.RevokeLease),
	"renew_lease":   command(recipes.RenewLease),
	"expire_timers": command(recipes.ExpireTimers),

	"acquire_mutex":  command(recipes.AcquireMutex),
	"release_mutex":  command(recipes.ReleaseMutex),
	"cancel_acquire": command(recipes.CancelAcquire),
	"break_mutex":    command(recipes.BreakMutex),

	"campaign":        command(recipes.Campaign),
	"proclaim":        command(recipes.Proclaim),
	"resign":          command(recipes.Resign),
	"cancel_campaign": command(recipes.CancelCampaign),
	"hand_over":       command(recipes.HandOver),

	"enqueue":      command(recipes.Enqueue),
	"claim_jobs":   command(recipes.ClaimJobs),
	"extend_claim": command(recipes.ExtendClaim),
	"ack_job":      command(recipes.AckJob),
	"nack_job":     command(recipes.NackJob),
	"bury_job":     command(recipes.BuryJob),
	"kick_jobs":    command(recipes.KickJobs),
	"cancel_job":   command(recipes.CancelJob),
	"cancel_claim": command(recipes.CancelClaim),

	"register_instance":   command(recipes.RegisterInstance),
	"update_instance":     command(recipes.UpdateInstance),
	"deregister_instance": command(recipes.DeregisterInstance),

	"register_node":    command(recipes.RegisterNode),
	"replace_node":     command(recipes.ReplaceNode),
	"create_namespace": command(recipes.CreateNamespace),
	"delete_namespace": command(recipes.DeleteNamespace),
}

// queries has the rule of each query, by its name in Query.body.
var queries = map[protoreflect.Name]question{
	"range":           query(recipes.GetRange),
	"read_txn":        query(recipes.ReadTxn),
	"hash_keys":       query(recipes.HashKeys),
	"get_lease":       query(recipes.GetLease),
	"list_leases":     query(recipes.ListLeases),
	"get_mutex":       query(recipes.GetMutex),
	"list_mutexes":    query(recipes.ListMutexes),
	"get_election":    query(recipes.GetElection),
	"list_elections":  query(recipes.ListElections),
	"get_job":         query(recipes.GetJob),
	"peek_jobs":       query(recipes.PeekJobs),
	"get_queue":       query(recipes.GetQueue),
	"list_queues":     query(recipes.ListQueues),
	"list_instances":  query(recipes.ListInstances),
	"list_services":   query(recipes.ListServices),
	"list_nodes":      query(recipes.ListNodes),
	"list_namespaces": query(recipes.ListNamespaces),
	"get_ticket":      query(recipes.GetTicket),
	"get_import":      query(recipes.GetImport),
	"export_keys":     query(recipes.ExportKeys),
}

// Has reports whether there is a rule for a command or query of that name.
func Has(name protoreflect.Name) bool { return commands[name] != nil || queries[name] != nil }
