package rpc_test

import (
	"fmt"
	"net/http"
	"testing"
)

// Everything works with curl alone: strings, no base64, durations as text.
func TestCurl(t *testing.T) {
	s := newSite(t)
	t.Run("kv", func(t *testing.T) { s.t = t; curlKV(s) })
	t.Run("watch", func(t *testing.T) { s.t = t; curlWatch(s) })
	lease := fmt.Sprint(s.ok("LeaseService/GrantLease", `{"ttl":"60s","card":{"identity":"worker-7"}}`)["leaseId"])
	other := fmt.Sprint(s.ok("LeaseService/GrantLease", `{"ttl":"60s","card":{"identity":"worker-8"}}`)["leaseId"])
	t.Run("lease", func(t *testing.T) { s.t = t; curlLease(s, lease) })
	t.Run("mutex", func(t *testing.T) { s.t = t; curlMutex(s, lease, other) })
	t.Run("election", func(t *testing.T) { s.t = t; curlElection(s, lease, other) })
	t.Run("queue", func(t *testing.T) { s.t = t; curlQueue(s, lease) })
	t.Run("registry", func(t *testing.T) { s.t = t; curlRegistry(s, lease) })
	t.Run("namespace", func(t *testing.T) { s.t = t; curlNamespace(s) })
	t.Run("cluster", func(t *testing.T) { s.t = t; curlCluster(s) })
}

func curlKV(s *site) {
	s.want("KVService/Put", `{"key":"a","value":{"text":"b"}}`, `{"revision":"2"}`)
	s.want("KVService/Put", `{"key":"a","value":{"json":{"z":1,"y":[true,null]}},"previous":true}`,
		`{"revision":"3","previous":{"key":"a","value":{"text":"b"},"createRevision":"2","modRevision":"2","version":"1"}}`)
	s.want("KVService/Get", `{"key":"a"}`,
		`{"revision":"3","kv":{"key":"a","value":{"text":"{\"y\":[true,null],\"z\":1}"},"createRevision":"2","modRevision":"3","version":"2"}}`)
	s.want("KVService/Get", `{"key":"a","revision":2,"serializable":true,"min_revision":3}`,
		`{"revision":"3","kv":{"key":"a","value":{"text":"b"},"createRevision":"2","modRevision":"2","version":"1"}}`)
	s.want("KVService/Put", `{"key":"bin","value":{"bytes":"/w=="}}`, `{"revision":"4"}`)
	s.want("KVService/Range", `{"span":{"prefix":true},"keys_only":true}`,
		`{"revision":"4","kvs":[{"key":"a","createRevision":"2","modRevision":"3","version":"2"},`+
			`{"key":"bin","createRevision":"4","modRevision":"4","version":"1"}],"count":"2"}`)
	s.want("KVService/Get", `{"key":"bin"}`,
		`{"revision":"4","kv":{"key":"bin","value":{"bytes":"/w=="},"createRevision":"4","modRevision":"4","version":"1"}}`)
	s.want("KVService/Txn", `{"compares":[{"span":{"key":"a"},"target":"COMPARE_TARGET_VERSION","operator":"COMPARE_OPERATOR_EQUAL","number":2}],
		"success":[{"delete":{"span":{"key":"bin"}}},{"range":{"span":{"key":"a"},"count_only":true}}]}`,
		`{"revision":"5","succeeded":true,"responses":[{"delete":{"revision":"5","deleted":"1"}},{"range":{"revision":"5","count":"1"}}]}`)
	s.want("KVService/Delete", `{"span":{"key":"nothing"}}`, `{"revision":"5"}`)
	s.want("KVService/Compact", `{"revision":4}`, `{"revision":"5"}`)
	if at := s.refused("KVService/Get", `{"key":"a","revision":2}`, "out_of_range", "COMPACTED")["revision"]; at != "4" {
		s.t.Errorf("compacted at %v, want 4", at)
	}
	s.refused("KVService/Get", `{"key":"a","revision":99}`, "out_of_range", "FUTURE_REVISION")
	s.refused("KVService/Get", `{"key":"a","min_revision":99}`, "out_of_range", "FUTURE_REVISION")
	s.refused("KVService/Put", `{"key":"new","ignore_value":true}`, "not_found", "KEY_NOT_FOUND")
	s.refused("KVService/Put", `{"key":"x","guards":[{"mutex":{"name":"m","token":1}}]}`, "failed_precondition", "GUARD_FAILED")
	s.refused("KVService/Put", `{"key":"x","namespace":"nowhere"}`, "not_found", "NAMESPACE_NOT_FOUND")
	s.refused("KVService/Get", `{}`, "invalid_argument", "INVALID_ARGUMENT")

	code, answer := s.post("KVService/Put", `{"key":"x","vlaue":{"text":"y"}}`)
	if code != http.StatusBadRequest || answer == "" {
		s.t.Errorf("a misspelt field: %d %s", code, answer)
	}
}

func curlWatch(s *site) {
	now := s.ok("WatchService/PollWatch", `{"span":{"key":"w/","prefix":true}}`)
	s.ok("KVService/Put", `{"key":"w/1","value":{"text":"x"}}`)
	answer := s.ok("WatchService/PollWatch", fmt.Sprintf(`{"span":{"key":"w/","prefix":true},"start_revision":%q,"wait":"10s"}`, now["nextRevision"]))
	if events, _ := answer["events"].([]any); len(events) != 1 {
		s.t.Errorf("poll: %v", answer)
	}
	answer = s.ok("WatchService/PollWatch", fmt.Sprintf(`{"span":{"key":"w/","prefix":true},"start_revision":%q,"wait":"0.05s"}`, answer["nextRevision"]))
	if answer["events"] != nil || answer["nextRevision"] == nil {
		s.t.Errorf("a poll without news: %v", answer)
	}
	s.refused("WatchService/PollWatch", `{"span":{"key":"w/"},"start_revision":1}`, "out_of_range", "COMPACTED")
}

func curlLease(s *site, lease string) {
	s.want("LeaseService/RenewLease", `{"lease_id":`+lease+`}`, `{"ttl":"60s"}`)
	s.ok("KVService/Put", `{"key":"leased","lease_id":`+lease+`}`)
	shown := s.ok("LeaseService/GetLease", `{"lease_id":`+lease+`,"keys":true}`)["lease"].(map[string]any)
	if got := fmt.Sprint(shown["keys"], shown["ttl"], shown["card"].(map[string]any)["identity"]); got != "[leased]60sworker-7" {
		s.t.Errorf("lease: %v", shown)
	}
	if got := s.ok("LeaseService/ListLeases", `{"limit":1}`)["more"]; got != true {
		s.t.Errorf("one of two leases: more is %v", got)
	}
	s.ok("LeaseService/GrantLease", `{"ttl":"1s","lease_id":77}`)
	s.refused("LeaseService/GrantLease", `{"ttl":"1s","lease_id":77}`, "already_exists", "LEASE_EXISTS")
	s.ok("LeaseService/RevokeLease", `{"lease_id":77}`)
	s.refused("LeaseService/RenewLease", `{"lease_id":77}`, "not_found", "LEASE_NOT_FOUND")
	s.refused("LeaseService/GrantLease", `{"ttl":"0.01s"}`, "invalid_argument", "INVALID_ARGUMENT")
}

func curlMutex(s *site, lease, other string) {
	token := s.ok("MutexService/AcquireMutex", `{"name":"m","lease_id":`+lease+`,"card":{"identity":"worker-7","purpose":"invoices"}}`)["token"]
	held := s.refused("MutexService/AcquireMutex", `{"name":"m","lease_id":`+other+`}`, "aborted", "HELD")
	if held["token"] != token || held["retryAfter"] == nil || held["holder"].(map[string]any)["identity"] != "worker-7" {
		s.t.Errorf("held: %v", held)
	}
	s.refused("MutexService/AcquireMutex", `{"name":"m","lease_id":`+lease+`}`, "already_exists", "ALREADY_HELD")
	s.refused("MutexService/AcquireMutex", `{"name":"m","lease_id":`+other+`,"wait":"0.1s"}`, "deadline_exceeded", "WAIT_TIMEOUT")
	s.ok("KVService/Put", fmt.Sprintf(`{"key":"guarded","guards":[{"mutex":{"name":"m","token":%q}}]}`, token))

	// Promise R1: the waiter's call gets the grant of the release.
	granted := s.later("MutexService/AcquireMutex", `{"name":"m","lease_id":`+other+`,"wait_forever":true}`)
	s.until("MutexService/GetMutex", `{"name":"m"}`, func(answer map[string]any) bool {
		return answer["mutex"].(map[string]any)["waiting"] == "1"
	})
	s.ok("MutexService/ReleaseMutex", fmt.Sprintf(`{"name":"m","token":%q}`, token))
	next := <-granted
	if next["ticket"] == nil || next["token"] == nil || next["count"] != "1" {
		s.t.Errorf("granted: %v", next)
	}
	s.refused("MutexService/ReleaseMutex", fmt.Sprintf(`{"name":"m","token":%q}`, token), "failed_precondition", "STALE_TOKEN")
	s.refused("MutexService/BreakMutex", `{"name":"m"}`, "invalid_argument", "INVALID_ARGUMENT")
	if got := s.ok("MutexService/BreakMutex", `{"name":"m","reason":"stuck","actor":"ops"}`)["brokenToken"]; got != next["token"] {
		s.t.Errorf("broken %v, want %v", got, next["token"])
	}
	s.refused("MutexService/CancelAcquire", `{"name":"m","lease_id":`+other+`}`, "not_found", "TICKET_NOT_FOUND")
	s.ok("MutexService/ListMutexes", `{}`)
}

func curlElection(s *site, lease, other string) {
	term := s.ok("ElectionService/Campaign", `{"name":"e","lease_id":`+lease+`,"value":{"text":"10.0.0.7:80"}}`)["term"]
	s.ok("ElectionService/Proclaim", fmt.Sprintf(`{"name":"e","term":%q,"value":{"text":"10.0.0.7:81"}}`, term))
	shown := s.ok("ElectionService/GetElection", `{"name":"e"}`)
	if leader := shown["election"].(map[string]any)["leader"].(map[string]any); fmt.Sprint(leader["value"]) != "map[text:10.0.0.7:81]" {
		s.t.Errorf("leader: %v", leader)
	}
	s.refused("ElectionService/Campaign", `{"name":"e","lease_id":`+other+`}`, "aborted", "HELD")
	s.refused("ElectionService/Resign", fmt.Sprintf(`{"name":"e","term":%q,"to":"nobody"}`, term), "not_found", "CANDIDATE_NOT_FOUND")

	news := s.later("ElectionService/GetElection", fmt.Sprintf(`{"name":"e","after_revision":%q,"wait":"60s"}`, shown["revision"]))
	s.ok("ElectionService/Resign", fmt.Sprintf(`{"name":"e","term":%q}`, term))
	if leader := (<-news)["election"].(map[string]any)["leader"]; leader != nil {
		s.t.Errorf("leader after resigning: %v", leader)
	}
	s.refused("ElectionService/HandOver", `{"name":"e","reason":"maintenance"}`, "failed_precondition", "NO_LEADER")
	s.refused("ElectionService/CancelCampaign", `{"name":"e","lease_id":`+other+`}`, "not_found", "TICKET_NOT_FOUND")
	s.ok("ElectionService/ListElections", `{}`)
}

func curlQueue(s *site, lease string) {
	id := s.ok("QueueService/Enqueue", `{"queue":"q","body":{"text":"mail 1"},"headers":{"to":"x"}}`)["jobId"]
	answer := s.ok("QueueService/ClaimJobs", `{"queue":"q","lease_id":`+lease+`,"max":5}`)
	job := answer["jobs"].([]any)[0].(map[string]any)
	if job["jobId"] != id || fmt.Sprint(job["body"]) != "map[text:mail 1]" || job["claimFor"] != "30s" {
		s.t.Errorf("claimed: %v", job)
	}
	named := fmt.Sprintf(`"queue":"q","job_id":%q,"receipt":%q`, id, job["receipt"])
	s.want("QueueService/ExtendClaim", `{`+named+`,"note":"half done"}`, `{}`)
	s.ok("QueueService/NackJob", `{`+named+`,"delay":"0s","reason":"try again"}`)
	s.refused("QueueService/AckJob", `{`+named+`}`, "failed_precondition", "STALE_RECEIPT")

	s.ok("QueueService/BuryJob", fmt.Sprintf(`{"queue":"q","job_id":%q,"reason":"later"}`, id))
	s.want("QueueService/KickJobs", `{"queue":"q","limit":0}`, fmt.Sprintf(`{"revision":%q,"kicked":"1"}`, s.revision(1)))
	peeked := s.ok("QueueService/PeekJobs", `{"queue":"q"}`)["jobs"].([]any)
	if len(peeked) != 1 || peeked[0].(map[string]any)["state"] != "JOB_STATE_READY" {
		s.t.Errorf("peeked: %v", peeked)
	}
	// Promise R1: a worker that waits gets the job of the next Enqueue.
	s.ok("QueueService/CancelJob", fmt.Sprintf(`{"queue":"q","job_id":%q}`, id))
	claimed := s.later("QueueService/ClaimJobs", `{"queue":"q","lease_id":`+lease+`,"wait":"60s"}`)
	s.until("QueueService/GetQueue", `{"queue":"q"}`, func(answer map[string]any) bool {
		return answer["stats"].(map[string]any)["waitingWorkers"] == "1"
	})
	s.ok("QueueService/Enqueue", `{"queue":"q","body":{"text":"mail 2"}}`)
	job = (<-claimed)["jobs"].([]any)[0].(map[string]any)
	named = fmt.Sprintf(`"queue":"q","job_id":%q,"receipt":%q`, job["jobId"], job["receipt"])
	s.ok("QueueService/AckJob", `{`+named+`,"result":{"text":"sent"}}`)
	shown := s.ok("QueueService/GetJob", fmt.Sprintf(`{"queue":"q","job_id":%q}`, job["jobId"]))["job"].(map[string]any)
	if shown["state"] != "JOB_STATE_DONE" || fmt.Sprint(shown["result"]) != "map[text:sent]" {
		s.t.Errorf("done job: %v", shown)
	}
	s.refused("QueueService/GetJob", `{"queue":"q","job_id":999}`, "not_found", "JOB_NOT_FOUND")
	s.refused("QueueService/CancelClaim", `{"queue":"q","lease_id":`+lease+`}`, "not_found", "TICKET_NOT_FOUND")
	s.ok("QueueService/ListQueues", `{}`)
}

func curlRegistry(s *site, lease string) {
	s.ok("RegistryService/RegisterInstance", `{"instance":{"service":"web","id":"1","address":"10.0.0.7:80","lease_id":`+lease+`}}`)
	s.ok("RegistryService/UpdateInstance", `{"service":"web","id":"1","status":"INSTANCE_STATUS_DRAINING","metadata":{"v":"2"}}`)
	shown := s.ok("RegistryService/ListInstances", `{"service":"web"}`)
	one := shown["instances"].([]any)[0].(map[string]any)
	if one["status"] != "INSTANCE_STATUS_DRAINING" || one["weight"] != 1.0 {
		s.t.Errorf("instance: %v", one)
	}
	news := s.later("RegistryService/ListInstances", fmt.Sprintf(`{"service":"web","after_revision":%q,"wait":"60s"}`, shown["revision"]))
	s.ok("RegistryService/DeregisterInstance", `{"service":"web","id":"1"}`)
	if left := (<-news)["instances"]; left != nil {
		s.t.Errorf("left: %v", left)
	}
	s.refused("RegistryService/UpdateInstance", `{"service":"web","id":"1"}`, "not_found", "INSTANCE_NOT_FOUND")
	s.ok("RegistryService/ListServices", `{}`)
}

func curlNamespace(s *site) {
	s.ok("NamespaceService/CreateNamespace", `{"name":"billing"}`)
	s.refused("NamespaceService/CreateNamespace", `{"name":"billing"}`, "already_exists", "NAMESPACE_EXISTS")
	s.refused("NamespaceService/CreateNamespace", `{"name":"Billing"}`, "invalid_argument", "INVALID_ARGUMENT")
	s.want("KVService/Put", `{"namespace":"billing","key":"a"}`, `{"revision":"2"}`)
	if list := s.ok("NamespaceService/ListNamespaces", `{}`)["namespaces"].([]any); len(list) != 2 {
		s.t.Errorf("namespaces: %v", list)
	}
	one := func() any {
		return s.ok("NamespaceService/ListNamespaces", `{"name":"billing"}`)["namespaces"].([]any)[0].(map[string]any)["id"]
	}
	address := fmt.Sprintf("billing@%v", one())
	s.ok("KVService/Get", fmt.Sprintf(`{"namespace":%q,"key":"a"}`, address))
	s.want("NamespaceService/DeleteNamespace", `{"name":"billing"}`, `{}`)
	s.ok("NamespaceService/CreateNamespace", `{"name":"billing"}`)
	if again := fmt.Sprintf("billing@%v", one()); again == address {
		s.t.Errorf("two namespaces are %s", again)
	}
	for _, path := range []string{"KVService/Put", "KVService/Get"} {
		s.refused(path, fmt.Sprintf(`{"namespace":%q,"key":"a"}`, address), "not_found", "NAMESPACE_NOT_FOUND")
	}
	s.refused("WatchService/PollWatch", fmt.Sprintf(`{"namespace":%q,"span":{"key":"a"},"start_revision":"3"}`, address), "not_found", "NAMESPACE_NOT_FOUND")
	s.refused("KVService/Get", `{"namespace":"billing@x","key":"a"}`, "invalid_argument", "INVALID_ARGUMENT")
	s.refused("NamespaceService/ListNamespaces", `{"name":"billing@7"}`, "invalid_argument", "INVALID_ARGUMENT")
	s.want("NamespaceService/DeleteNamespace", `{"name":"billing"}`, `{}`)
	s.refused("KVService/Get", `{"namespace":"billing","key":"a"}`, "not_found", "NAMESPACE_NOT_FOUND")
	s.refused("NamespaceService/DeleteNamespace", `{"name":"default"}`, "invalid_argument", "INVALID_ARGUMENT")
}

func curlCluster(s *site) {
	status := s.ok("ClusterService/GetStatus", `{}`)
	if status["name"] != "a" || status["isLeader"] != true || status["problems"] != nil || status["version"] != "v0-test" {
		s.t.Errorf("status: %v", status)
	}
	if members := s.ok("ClusterService/ListMembers", `{}`)["members"].([]any); len(members) != 1 {
		s.t.Errorf("members: %v", members)
	}
	s.want("ClusterService/MoveLeader", `{"to":"a"}`, `{}`)
	s.refused("ClusterService/MoveLeader", `{"to":"b"}`, "not_found", "MEMBER_NOT_FOUND")
	s.refused("ClusterService/MoveLeader", `{"to":"a","shard_id":3}`, "invalid_argument", "INVALID_ARGUMENT")
	s.refused("ClusterService/ReplaceMember", `{"name":"a"}`, "invalid_argument", "INVALID_ARGUMENT")
	for _, shard := range s.ok("ClusterService/CompareHashes", `{}`)["shards"].([]any) {
		if shard.(map[string]any)["equal"] != true {
			s.t.Errorf("hashes: %v", shard)
		}
	}
}
