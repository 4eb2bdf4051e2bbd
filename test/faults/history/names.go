package history

// workloadNames are those of specs and of the scorecard.
var workloadNames = [...]string{
	Harness: "harness", Registers: "registers", Lists: "lists", Watches: "watches", Leases: "leases",
	Mutexes: "mutexes", Guarded: "guarded", Elections: "elections", Queues: "queues",
	Counters: "counters", Registry: "registry", Namespaces: "namespaces", Compactions: "compactions",
}

// String is the workload's name.
func (w Workload) String() string {
	if int(w) < len(workloadNames) {
		return workloadNames[w]
	}
	return "?"
}

// WorkloadNamed finds a workload by its name.
func WorkloadNamed(name string) (Workload, bool) {
	for _, w := range Workloads {
		if w.String() == name {
			return w, true
		}
	}
	return 0, false
}

var outcomeNames = [...]string{OK: "ok", Refused: "refused", Unknown: "unknown"}

// String is the outcome's name.
func (o Outcome) String() string { return outcomeNames[min(int(o), len(outcomeNames)-1)] }
