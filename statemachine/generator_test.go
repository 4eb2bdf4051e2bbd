package statemachine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	dbsm "github.com/lni/dragonboat/v4/statemachine"

	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
)

// generator makes up commands of every kind, with names from small sets and
// tokens from earlier results, so that they meet each other.
type generator struct {
	rng     *rand.Rand
	tokens  []int64
	jobs    []claimed
	holds   map[string]int64
	retries []*logv1.Command
	next    map[string]uint64
	// imported is the revision of the namespace that is imported, and its keys.
	imported int64
	copied   map[string]*logv1.KeyValue
}

// claimed is a job, and the receipt if it is claimed.
type claimed struct {
	queue   string
	id      uint64
	receipt int64
}

func newGenerator(seed uint64) *generator {
	return &generator{
		rng: rand.New(rand.NewPCG(seed, 1)), tokens: []int64{1}, jobs: []claimed{{queue: "q0", id: 1}},
		holds: map[string]int64{}, next: map[string]uint64{}, imported: 1, copied: map[string]*logv1.KeyValue{},
	}
}

func (g *generator) name(prefix string, n int) string {
	return fmt.Sprintf("%s%d", prefix, g.rng.IntN(n))
}
func (g *generator) key() []byte   { return []byte(g.name("k", 12)) }
func (g *generator) value() []byte { return []byte(strings.Repeat(g.name("v", 100), g.rng.IntN(30))) }
func (g *generator) lease() int64  { return int64(g.rng.IntN(6)) + 1 }
func (g *generator) wait() int64   { return []int64{0, -1, 500, 4000}[g.rng.IntN(4)] }
func (g *generator) chance() bool  { return g.rng.IntN(2) == 0 }
func (g *generator) queue() string { return g.name("q", 2) }
func (g *generator) mutex() string { return g.name("m", 3) }
func (g *generator) vote() string  { return g.name("e", 2) }
func (g *generator) space() string { return g.name("space", 3) }
func (g *generator) node() string  { return g.name("node", 3) }
func (g *generator) token() int64  { return g.tokens[len(g.tokens)-1-g.rng.IntN(min(8, len(g.tokens)))] }

// hold is the token of a mutex or an election that was last seen, or another.
func (g *generator) hold(name string) int64 {
	if g.rng.IntN(4) > 0 {
		return g.holds[name]
	}
	return g.token()
}

func (g *generator) job() claimed {
	return g.jobs[len(g.jobs)-1-g.rng.IntN(min(10, len(g.jobs)))]
}
func (g *generator) maybe() int64      { return int64(g.rng.IntN(2)) * g.lease() }
func (g *generator) small(n int) int32 { return int32(g.rng.IntN(n)) }

// card has several labels: their order on disk is random.
func (g *generator) card() *logv1.Card {
	return &logv1.Card{Identity: g.name("worker", 5), Labels: map[string]string{
		"zone": g.name("z", 3), "team": "t", "build": "7", "tier": "gold", "x": "y",
	}}
}

// span is a key, sometimes a range.
func (g *generator) span() (key, end []byte) {
	switch g.rng.IntN(4) {
	case 0:
		return g.key(), g.key()
	case 1:
		return g.key(), []byte{0}
	default:
		return g.key(), nil
	}
}

// body makes a command's body by its field name in the log format.
var bodies = map[string]func(g *generator, c *logv1.Command){
	"put": func(g *generator, c *logv1.Command) { c.Body = &logv1.Command_Put{Put: g.put()} },
	"delete_range": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_DeleteRange{DeleteRange: g.deleteRange()}
	},
	"txn": func(g *generator, c *logv1.Command) { c.Body = &logv1.Command_Txn{Txn: g.txn(2)} },
	"compact": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_Compact{Compact: &logv1.Compact{Revision: g.token() - 5}}
	},
	"import_keys": func(g *generator, c *logv1.Command) {
		c.NamespaceId = importNamespace
		c.Body = &logv1.Command_ImportKeys{ImportKeys: g.importKeys()}
	},
	"grant_lease": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_GrantLease{GrantLease: &logv1.GrantLease{
			LeaseId: g.lease(), TtlMs: 5000 + int64(g.rng.IntN(60_000)), Card: g.card()}}
	},
	"revoke_lease": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_RevokeLease{RevokeLease: &logv1.RevokeLease{LeaseId: g.lease(), Reason: "done"}}
	},
	"renew_lease": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_RenewLease{RenewLease: &logv1.RenewLease{LeaseId: g.lease()}}
	},
	"expire_timers": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_ExpireTimers{ExpireTimers: &logv1.ExpireTimers{Limit: g.small(4)}}
	},
	"acquire_mutex": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_AcquireMutex{AcquireMutex: &logv1.AcquireMutex{
			Name: g.mutex(), LeaseId: g.lease(), WaitMs: g.wait(), Reentrant: g.chance(),
			LockDelayMs: int64(g.small(2)) * 700, Card: g.card()}}
	},
	"release_mutex": func(g *generator, c *logv1.Command) {
		name := g.mutex()
		c.Body = &logv1.Command_ReleaseMutex{ReleaseMutex: &logv1.ReleaseMutex{Name: name, Token: g.hold(name)}}
	},
	"cancel_acquire": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_CancelAcquire{CancelAcquire: &logv1.CancelAcquire{Name: g.mutex(), Ticket: g.token()}}
	},
	"break_mutex": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_BreakMutex{BreakMutex: &logv1.BreakMutex{Name: g.mutex(), Reason: "stuck", Actor: "me"}}
	},
	"campaign": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_Campaign{Campaign: &logv1.Campaign{
			Name: g.vote(), LeaseId: g.lease(), Value: g.value(), Priority: g.small(3), WaitMs: g.wait(), Card: g.card()}}
	},
	"proclaim": func(g *generator, c *logv1.Command) {
		name := g.vote()
		c.Body = &logv1.Command_Proclaim{Proclaim: &logv1.Proclaim{Name: name, Term: g.hold(name), Value: g.value()}}
	},
	"resign": func(g *generator, c *logv1.Command) {
		name := g.vote()
		c.Body = &logv1.Command_Resign{Resign: &logv1.Resign{Name: name, Term: g.hold(name)}}
	},
	"cancel_campaign": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_CancelCampaign{CancelCampaign: &logv1.CancelCampaign{Name: g.vote(), Ticket: g.token()}}
	},
	"hand_over": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_HandOver{HandOver: &logv1.HandOver{Name: g.vote(), Reason: "upgrade", Actor: "me"}}
	},
	"enqueue": func(g *generator, c *logv1.Command) { c.Body = &logv1.Command_Enqueue{Enqueue: g.enqueue()} },
	"claim_jobs": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_ClaimJobs{ClaimJobs: g.claimJobs()}
	},
	"extend_claim": func(g *generator, c *logv1.Command) {
		job := g.job()
		c.Body = &logv1.Command_ExtendClaim{ExtendClaim: &logv1.ExtendClaim{
			Queue: job.queue, JobId: job.id, Receipt: job.receipt, ClaimMs: 3000, Note: "half"}}
	},
	"ack_job": func(g *generator, c *logv1.Command) { c.Body = &logv1.Command_AckJob{AckJob: g.ackJob()} },
	"nack_job": func(g *generator, c *logv1.Command) {
		job := g.job()
		c.Body = &logv1.Command_NackJob{NackJob: &logv1.NackJob{
			Queue: job.queue, JobId: job.id, Receipt: job.receipt, DelayMs: g.wait(), Reason: "no"}}
	},
	"bury_job": func(g *generator, c *logv1.Command) {
		job := g.job()
		c.Body = &logv1.Command_BuryJob{BuryJob: &logv1.BuryJob{Queue: job.queue, JobId: job.id, Receipt: job.receipt, Reason: "bad"}}
	},
	"kick_jobs": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_KickJobs{KickJobs: &logv1.KickJobs{Queue: g.queue(), Limit: 2}}
	},
	"cancel_job": func(g *generator, c *logv1.Command) {
		job := g.job()
		c.Body = &logv1.Command_CancelJob{CancelJob: &logv1.CancelJob{Queue: job.queue, JobId: job.id}}
	},
	"cancel_claim": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_CancelClaim{CancelClaim: &logv1.CancelClaim{Queue: g.queue(), Ticket: g.token()}}
	},
	"register_instance": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_RegisterInstance{RegisterInstance: &logv1.RegisterInstance{Instance: &logv1.Instance{
			Service: g.name("s", 2), Id: g.name("i", 3), Address: "10.0.0.1:80", LeaseId: g.lease(),
			Metadata: map[string]string{"a": "1", "b": "2", "c": "3"}, Card: g.card(),
			Status: logv1.InstanceStatus_INSTANCE_STATUS_SERVING}}}
	},
	"update_instance": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_UpdateInstance{UpdateInstance: &logv1.UpdateInstance{
			Service: g.name("s", 2), Id: g.name("i", 3), LeaseId: g.maybe(),
			Metadata: map[string]string{"a": "", "d": "4", "e": "5"}}}
	},
	"deregister_instance": func(g *generator, c *logv1.Command) {
		c.Body = &logv1.Command_DeregisterInstance{DeregisterInstance: &logv1.DeregisterInstance{
			Service: g.name("s", 2), Id: g.name("i", 3), LeaseId: g.maybe()}}
	},
	"claim_epoch": func(g *generator, c *logv1.Command) {
		c.NamespaceId = 0
		c.Body = &logv1.Command_ClaimEpoch{ClaimEpoch: &logv1.ClaimEpoch{Epoch: uint64(g.small(5)), Node: "n"}}
	},
	"register_node": func(g *generator, c *logv1.Command) {
		c.NamespaceId = 0
		c.Body = &logv1.Command_RegisterNode{RegisterNode: &logv1.RegisterNode{Node: &logv1.Node{
			Name: g.node(), Incarnation: uint64(g.small(2)) + 1, PeerUrl: g.name("http://h", 3)}}}
	},
	"replace_node": func(g *generator, c *logv1.Command) {
		c.NamespaceId = 0
		c.Body = &logv1.Command_ReplaceNode{ReplaceNode: &logv1.ReplaceNode{Name: g.node()}}
	},
	"create_namespace": func(g *generator, c *logv1.Command) {
		c.NamespaceId = 0
		c.Body = &logv1.Command_CreateNamespace{CreateNamespace: &logv1.CreateNamespace{Name: g.space(), ShardIds: []uint64{2, 4}}}
	},
	"delete_namespace": func(g *generator, c *logv1.Command) {
		c.NamespaceId = 0
		c.Body = &logv1.Command_DeleteNamespace{DeleteNamespace: &logv1.DeleteNamespace{Name: g.space(), Finished: g.chance()}}
	},
	"drop_namespace": func(g *generator, c *logv1.Command) {
		c.NamespaceId = uint32(g.small(12)) + 2
		c.Body = &logv1.Command_DropNamespace{DropNamespace: &logv1.DropNamespace{}}
	},
	"compute_hash": func(_ *generator, c *logv1.Command) {
		c.NamespaceId = 0
		c.Body = &logv1.Command_ComputeHash{ComputeHash: &logv1.ComputeHash{}}
	},
}

func (g *generator) put() *logv1.Put {
	return &logv1.Put{Key: g.key(), Value: g.value(), LeaseId: int64(g.small(2)) * g.maybe(), Previous: g.chance(), Anew: g.chance()}
}

func (g *generator) deleteRange() *logv1.DeleteRange {
	key, end := g.span()
	return &logv1.DeleteRange{Key: key, RangeEnd: end, Previous: g.chance()}
}

// importNamespace is imported; hardly anything else happens in it.
const importNamespace = 40

// importKeys makes a copy, or a revision that follows it.
func (g *generator) importKeys() *logv1.ImportKeys {
	cmd := &logv1.ImportKeys{Source: "other", ExpectedRevision: g.imported, HoldMs: int64(g.small(3)) * 3000}
	for range g.rng.IntN(2) {
		cmd.Leases = append(cmd.Leases, &logv1.ImportedLease{LeaseId: g.lease(), TtlMs: 1000 + int64(g.small(9000))})
	}
	next := g.imported + 1 + int64(g.small(3))
	if len(g.copied) == 0 || g.rng.IntN(10) == 0 {
		part := &logv1.ImportPart{Revision: next, First: true, Last: g.rng.IntN(10) > 0, Key: []byte("k"), RangeEnd: []byte("l")}
		for i := range 9 {
			if g.chance() {
				part.Keys = append(part.Keys, &logv1.KeyValue{
					Key: fmt.Appendf(nil, "k%d", i), Value: g.value(), CreateRevision: next, ModRevision: next, Version: 1,
				})
			}
		}
		cmd.Part = part
		return cmd
	}
	cmd.EndedLeaseIds = []int64{g.lease()}
	revision := &logv1.ImportedRevision{Revision: next}
	key := fmt.Sprintf("k%d", g.small(9))
	before := g.copied[key]
	switch {
	case before != nil && g.chance():
		revision.Changes = []*logv1.ImportedChange{{Change: &logv1.ImportedChange_Delete{
			Delete: &logv1.ImportedDelete{Key: []byte(key), Count: 1}}}}
	default:
		kv := &logv1.KeyValue{Key: []byte(key), Value: g.value(), CreateRevision: next, ModRevision: next, Version: 1}
		if before != nil {
			kv.CreateRevision, kv.Version = before.GetCreateRevision(), before.GetVersion()+1
		}
		revision.Changes = []*logv1.ImportedChange{{Change: &logv1.ImportedChange_Put{Put: kv}}}
	}
	cmd.Revisions = []*logv1.ImportedRevision{revision}
	return cmd
}

// learnImport keeps what was imported.
func (g *generator) learnImport(cmd *logv1.ImportKeys) {
	if part := cmd.GetPart(); part != nil {
		clear(g.copied)
		for _, kv := range part.GetKeys() {
			g.copied[string(kv.GetKey())] = kv
		}
	}
	for _, revision := range cmd.GetRevisions() {
		for _, change := range revision.GetChanges() {
			if kv := change.GetPut(); kv != nil {
				g.copied[string(kv.GetKey())] = kv
			} else {
				delete(g.copied, string(change.GetDelete().GetKey()))
			}
		}
	}
}

func (g *generator) enqueue() *logv1.Enqueue {
	e := &logv1.Enqueue{
		Queue: g.queue(), Body: g.value(), Priority: g.small(3), DelayMs: int64(g.small(2)) * 800,
		MaxAttempts: 2, RetainMs: int64(g.small(2)) * 2000, Headers: map[string]string{"a": "1", "b": "2", "c": "3"},
	}
	if g.chance() {
		e.Group = g.name("g", 2)
	}
	if g.chance() {
		e.DedupId = g.name("d", 3)
	}
	return e
}

func (g *generator) claimJobs() *logv1.ClaimJobs {
	return &logv1.ClaimJobs{
		Queue: g.queue(), LeaseId: g.lease(), Max: g.small(3) + 1, ClaimMs: 2500, WaitMs: g.wait(), Card: g.card(),
	}
}

func (g *generator) ackJob() *logv1.AckJob {
	job := g.job()
	return &logv1.AckJob{Queue: job.queue, JobId: job.id, Receipt: job.receipt, Result: g.value()}
}

func (g *generator) txn(depth int) *logv1.Txn {
	txn := &logv1.Txn{}
	if g.rng.IntN(3) == 0 {
		name := g.mutex()
		txn.Guards = []*logv1.Guard{{Hold: &logv1.Guard_Mutex{Mutex: &logv1.MutexGuard{Name: name, Token: g.hold(name)}}}}
	}
	key, end := g.span()
	txn.Compares = []*logv1.Compare{{
		Key: key, RangeEnd: end, Target: logv1.CompareTarget_COMPARE_TARGET_MOD_REVISION,
		Operator: logv1.CompareOperator_COMPARE_OPERATOR_GREATER, Number: g.token() - 3,
	}}
	for range g.rng.IntN(4) {
		txn.Success = append(txn.Success, g.txnOp(depth))
	}
	for range g.rng.IntN(3) {
		txn.Failure = append(txn.Failure, g.txnOp(depth))
	}
	return txn
}

func (g *generator) txnOp(depth int) *logv1.TxnOp {
	switch g.rng.IntN(8) {
	case 0:
		key, end := g.span()
		return &logv1.TxnOp{Op: &logv1.TxnOp_Range{Range: &logv1.Range{Key: key, RangeEnd: end, Limit: int64(g.small(3))}}}
	case 1:
		return &logv1.TxnOp{Op: &logv1.TxnOp_DeleteRange{DeleteRange: g.deleteRange()}}
	case 2:
		if depth > 0 {
			return &logv1.TxnOp{Op: &logv1.TxnOp_Txn{Txn: g.txn(depth - 1)}}
		}
		return &logv1.TxnOp{Op: &logv1.TxnOp_Enqueue{Enqueue: g.enqueue()}}
	case 3:
		claim := g.claimJobs()
		claim.WaitMs = 0
		return &logv1.TxnOp{Op: &logv1.TxnOp_ClaimJobs{ClaimJobs: claim}}
	case 4:
		return &logv1.TxnOp{Op: &logv1.TxnOp_AckJob{AckJob: g.ackJob()}}
	default:
		return &logv1.TxnOp{Op: &logv1.TxnOp_Put{Put: g.put()}}
	}
}

// rare kinds would end everything that the others build up.
var rare = map[string]bool{
	"claim_epoch": true, "drop_namespace": true, "compute_hash": true, "compact": true, "replace_node": true,
	"revoke_lease": true, "break_mutex": true, "hand_over": true, "cancel_job": true, "bury_job": true,
}

// command makes up one command; kinds is the sorted keys of bodies.
func (g *generator) command(kinds []string) *logv1.Command {
	if len(g.retries) > 0 && g.rng.IntN(10) == 0 {
		return g.retries[len(g.retries)-1-g.rng.IntN(min(8, len(g.retries)))].CloneVT()
	}
	kind := kinds[g.rng.IntN(len(kinds))]
	for rare[kind] && g.rng.IntN(6) > 0 {
		kind = kinds[g.rng.IntN(len(kinds))]
	}
	c := &logv1.Command{NamespaceId: 1 + uint32(g.rng.IntN(5))/4}
	bodies[kind](g, c)
	if g.rng.IntN(4) == 0 {
		client := g.name("client", 2)
		g.next[client]++
		n := g.next[client]
		c.RequestId = &logv1.RequestId{Client: client, Sequence: n, DoneBelow: n - min(n, 5) + 1}
		g.retries = append(g.retries, c)
	}
	return c
}

// learn keeps tokens and jobs of a result for later commands.
func (g *generator) learn(command *logv1.Command, result *logv1.Result) {
	for _, n := range []int64{
		result.GetAcquireMutex().GetToken(), result.GetAcquireMutex().GetTicket(),
		result.GetCampaign().GetTerm(), result.GetCampaign().GetTicket(),
		result.GetClaimJobs().GetTicket(), result.GetRefusal().GetToken(),
	} {
		if n > 0 {
			g.tokens = append(g.tokens, n)
		}
	}
	if command.GetNamespaceId() == importNamespace {
		g.imported = max(g.imported, result.GetRevision())
		if result.GetImportKeys() != nil && !result.GetReplayed() {
			g.learnImport(command.GetImportKeys())
		}
	}
	switch {
	case result.GetAcquireMutex().GetToken() > 0:
		g.holds[command.GetAcquireMutex().GetName()] = result.GetAcquireMutex().GetToken()
	case result.GetReleaseMutex() != nil:
		g.holds[command.GetReleaseMutex().GetName()] = result.GetReleaseMutex().GetNextToken()
	case result.GetCampaign().GetTerm() > 0:
		g.holds[command.GetCampaign().GetName()] = result.GetCampaign().GetTerm()
	case result.GetResign() != nil:
		g.holds[command.GetResign().GetName()] = result.GetResign().GetNextTerm()
	case result.GetEnqueue() != nil:
		g.jobs = append(g.jobs, claimed{queue: command.GetEnqueue().GetQueue(), id: result.GetEnqueue().GetJobId()})
	}
	for _, job := range result.GetClaimJobs().GetJobs() {
		g.jobs = append(g.jobs, claimed{
			queue: command.GetClaimJobs().GetQueue(), id: job.GetJobId(), receipt: job.GetReceipt(),
		})
	}
}

// log makes up a log of many entries, applying each to r as it goes, because
// later commands depend on earlier results.
func (g *generator) log(r *replica, entries int) []dbsm.Entry {
	kinds := slices.Sorted(maps.Keys(bodies))
	for range 3 { // what the others need
		kinds = append(kinds, "grant_lease", "renew_lease", "put", "enqueue", "claim_jobs")
	}

	epoch, clock := uint64(1), int64(0)
	log := []dbsm.Entry{claim(1, epoch, clock)}
	r.update(log[0])
	for len(log) < entries {
		index := log[len(log)-1].Index + 1 + uint64(g.rng.IntN(5)/4)
		clock += int64(g.rng.IntN(200))
		commands := []*logv1.Command{g.command(kinds)}
		var e dbsm.Entry
		switch g.rng.IntN(40) {
		case 0:
			epoch++
			e, commands = claim(index, epoch, clock-500), make([]*logv1.Command, 1)
		case 1:
			e = batch(index, epoch-1, clock, commands...)
		default:
			for range g.rng.IntN(6) {
				commands = append(commands, g.command(kinds))
			}
			e = batch(index, epoch, clock, commands...)
		}
		log = append(log, e)
		r.update(e)
		for i, result := range r.results[index] {
			g.learn(commands[i], result)
		}
	}
	return log
}

// A new command is generated from the day on which it exists.
func TestEveryCommandIsGenerated(t *testing.T) {
	fields := (&logv1.Command{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	for i := range fields.Len() {
		name := string(fields.Get(i).Name())
		if bodies[name] == nil {
			t.Errorf("the generator does not make %s; add it to bodies in generator_test.go", name)
			continue
		}
		c := &logv1.Command{}
		bodies[name](newGenerator(1), c)
		if !c.ProtoReflect().Has(fields.Get(i)) {
			t.Errorf("what bodies makes for %s is something else", name)
		}
	}
	if len(bodies) != fields.Len() {
		t.Errorf("%d kinds are generated, %d exist", len(bodies), fields.Len())
	}
}
