package planted

// Plant is a bug that can be planted, and what should find it.
type Plant struct {
	Bug ID
	// Tag is the build tag, and Name what the bug is, in a few words.
	Tag, Name string
	// Fault is the fault of the harness under which it is expected to show, and
	// Workloads and Checker where: for people. The table of finds looks for the names
	// of workloads in it, "all" and "harness" (replicas' hashes) among them.
	Fault, Workloads, Checker string
	// Package and Test name a test of the repository that fails in such a build:
	// the plant is alive. TestPlantsAreAlive runs them.
	Package, Test string
	// Control says that it is not one of the bugs that count, but shows that a fault
	// bites at all.
	Control bool
}

// All are all plants, by their tags.
var All = []Plant{
	{
		Bug: AckBeforeFsync, Tag: "mutant_01", Name: "acknowledge before the log is synced",
		Fault: "F15", Workloads: "all", Checker: "acknowledged writes",
		Package: "./cluster/logfile", Test: "TestRegressionEtcd14370WriteOfTheLogIsSynced",
	},
	{
		Bug: AppliedIndexApart, Tag: "mutant_02", Name: "the applied index is a commit of its own",
		Fault: "F02", Workloads: "Registers, Queues, all via etcd", Checker: "replica hashes; revision order",
		Package: "./statemachine", Test: "TestRegressionEtcd13766AppliedIndexIsPartOfTheState",
	},
	{
		Bug: FollowerReadsLocally, Tag: "mutant_03", Name: "a follower answers linearizable reads by itself",
		Fault: "F06", Workloads: "Registers, Lists", Checker: "revision order in real time; porcupine",
		Package: "./cluster", Test: "TestRegressionEtcd20418NoReadWithoutAMajority",
	},
	{
		Bug: LeaderTrustsItself, Tag: "mutant_04", Name: "a leader reads without asking a majority",
		Fault: "F03", Workloads: "Registers, Lists", Checker: "revision order in real time; porcupine",
		Package: "./cluster", Test: "TestRegressionEtcd20418NoReadWithoutAMajority",
	},
	{
		Bug: DeadWaiterGranted, Tag: "mutant_05", Name: "a mutex goes to a waiter whose session has ended",
		Fault: "F10", Workloads: "Mutexes, Guarded", Checker: "grants to a lease that is gone; a mutex nobody gets any more",
		Package: "./recipes", Test: "TestTranscripts",
	},
	{
		Bug: StaleEpochCounts, Tag: "mutant_06", Name: "what a deposed leader proposed counts",
		Fault: "F03", Workloads: "Registers, Counters via etcd; Leases", Checker: "a write twice in the log; exactly-once sums; leases",
		Package: "./statemachine", Test: "TestRegressionEtcd15247OtherEpochsAreRefusedWhole",
	},
	{
		Bug: WallClockLeases, Tag: "mutant_07", Name: "leases live by the wall clock",
		Fault: "F13", Workloads: "Leases, Mutexes, Elections, Registry", Checker: "lease bounds",
		Package: "./cluster", Test: "TestRegressionEtcd12291WallClockJumps",
	},
	{
		Bug: ClockRestarts, Tag: "mutant_08", Name: "time begins anew with each leader",
		Fault: "F01", Workloads: "Leases, Queues", Checker: "lease bounds: late",
		Package: "./cluster", Test: "TestRegressionEtcd9395LeaseAcrossLeaders",
	},
	{
		Bug: LocalTokens, Tag: "mutant_09", Name: "tokens are counted by each mutex, and begin again",
		Fault: "F28", Workloads: "Mutexes, Guarded", Checker: "tokens strictly increase",
		Package: "./recipes", Test: "TestTranscripts",
	},
	{
		Bug: WatchSkipsOnReconnect, Tag: "mutant_10", Name: "a resumed watch begins one revision too late",
		Fault: "F12", Workloads: "Watches", Checker: "watch: reliable, resumable",
		Package: "./sdk", Test: "TestWatchResumes",
	},
	{
		Bug: SlowWatchDrops, Tag: "mutant_11", Name: "a slow watch loses changes in silence",
		Fault: "F27", Workloads: "Watches; the harness", Checker: "watch: reliable; a watch that is not read",
		Package: "./statemachine/feed", Test: "TestLagging",
	},
	{
		Bug: CompactionEatsDelete, Tag: "mutant_12", Name: "a compaction takes the deletes of its revision along",
		Fault: "F22", Workloads: "Watches, Compactions", Checker: "watch: reliable",
		Package: "./statemachine/mvcc", Test: "TestHistoryAtTheCompactedRevision",
	},
	{
		Bug: ProgressBeforeEvents, Tag: "mutant_13", Name: "progress runs ahead of the events",
		Fault: "F18", Workloads: "Watches", Checker: "watch: bookmarkable",
		Package: "./statemachine/feed", Test: "TestRegressionEtcd15220ProgressIsNotAheadOfEvents",
	},
	{
		Bug: CompareBeforeApply, Tag: "mutant_14", Name: "compares are decided before the proposal",
		Fault: "F12", Workloads: "Registers, Lists", Checker: "branches recomputed; list cycles; porcupine",
		Package: "./cluster", Test: "TestRegressionComparesAreDecidedInApply",
	},
	{
		Bug: RetryWithoutID, Tag: "mutant_15", Name: "the SDK sends a transaction again without its id",
		Fault: "F01", Workloads: "Registers, Lists, Counters", Checker: "a write twice in the log; list cycles",
		Package: "./sdk", Test: "TestRegressionJetcdRetriedTransaction",
	},
	{
		Bug: RetriesApplyAgain, Tag: "mutant_16", Name: "the service ignores request ids",
		Fault: "F01", Workloads: "Registers, Lists, Counters, Queues", Checker: "a write twice in the log; exactly-once sums",
		Package: "./statemachine", Test: "TestRetriesGetTheFirstAnswer",
	},
	{
		Bug: SnapshotWithoutLeases, Tag: "mutant_17", Name: "a snapshot leaves the leases out",
		Fault: "F22", Workloads: "Leases, Mutexes, Registry; the harness", Checker: "replica hashes; leases late",
		Package: "./statemachine", Test: "TestSnapshotCarriesTheWholeState",
	},
	{
		Bug: RecoveryTellsNobody, Tag: "mutant_18", Name: "watches are not told of a replaced state",
		Fault: "F22", Workloads: "Watches", Checker: "watch: reliable",
		Package: "./statemachine", Test: "TestRegressionEtcd15271WatchOverASnapshot",
	},
	{
		Bug: AckAnyReceipt, Tag: "mutant_19", Name: "an ack is taken with any receipt",
		Fault: "F10", Workloads: "Queues, Guarded", Checker: "total-queue: acked by two",
		Package: "./recipes", Test: "TestTranscripts",
	},
	{
		Bug: ExpiryGrantsTwo, Tag: "mutant_20", Name: "a lost holder is followed by two",
		Fault: "F10", Workloads: "Mutexes", Checker: "mutual exclusion; tokens",
		Package: "./recipes", Test: "TestRandomWalk",
	},
	{
		Bug: NamespaceLeavesKeys, Tag: "mutant_21", Name: "a new namespace has the keys of the last one",
		Fault: "F28", Workloads: "Namespaces", Checker: "state of a new namespace",
		Package: "./statemachine", Test: "TestDropNamespace",
	},
	{
		Bug: DeleteRangeLosesPrevious, Tag: "mutant_22", Name: "of many deletes only the first has its previous version",
		Fault: "F28", Workloads: "Watches", Checker: "watch: prevKV",
		Package: "./statemachine", Test: "TestRegressionEveryEventHasItsPrevious",
	},
	{
		Bug: TermReused, Tag: "mutant_23", Name: "a successor leads in the term of its predecessor",
		Fault: "F10", Workloads: "Elections, Guarded", Checker: "one leader for each term",
		Package: "./recipes", Test: "TestTranscripts",
	},
	{
		Bug: DeadInstanceListed, Tag: "mutant_24", Name: "an instance stays when its session expires",
		Fault: "F10", Workloads: "Registry", Checker: "instances of leases that are gone",
		Package: "./recipes", Test: "TestTranscripts",
	},
	{
		Bug: JobsDieWithWorker, Tag: "mutant_25", Name: "a job is gone with the worker that had it",
		Fault: "F10", Workloads: "Queues", Checker: "total-queue: lost",
		Package: "./recipes", Test: "TestQueueAgreesWithObviousModel",
	},
	{
		Bug: ReadGoesBack, Tag: "mutant_26", Name: "a local read goes back behind what its caller has seen",
		Fault: "F06", Workloads: "Registers", Checker: "serializable reads since a revision",
		Package: "./rpc", Test: "TestSerializableReads",
	},
	{
		Bug: NoSync, Tag: "mutant_nosync", Name: "control: nothing is ever synced",
		Fault: "F15", Workloads: "all", Checker: "acknowledged writes",
		Package: "./cluster/logfile", Test: "TestRegressionEtcd14370WriteOfTheLogIsSynced", Control: true,
	},
}
