package planted

// ID names a bug.
type ID uint8

// The bugs, in the order of their tags; the table in doc.go says what they do.
const (
	None ID = iota
	AckBeforeFsync
	AppliedIndexApart
	FollowerReadsLocally
	LeaderTrustsItself
	DeadWaiterGranted
	StaleEpochCounts
	WallClockLeases
	ClockRestarts
	LocalTokens
	WatchSkipsOnReconnect
	SlowWatchDrops
	CompactionEatsDelete
	ProgressBeforeEvents
	CompareBeforeApply
	RetryWithoutID
	RetriesApplyAgain
	SnapshotWithoutLeases
	RecoveryTellsNobody
	AckAnyReceipt
	ExpiryGrantsTwo
	NamespaceLeavesKeys
	DeleteRangeLosesPrevious
	TermReused
	DeadInstanceListed
	JobsDieWithWorker
	ReadGoesBack
	NoSync
)
