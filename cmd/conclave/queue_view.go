package main

import (
	"fmt"
	"io"
	"time"

	conclave "github.com/conclavehq/conclave/sdk"
)

// jobJSON is a job for programs: one that was taken, or one that was looked at.
type jobJSON struct {
	Queue       string            `json:"queue"`
	ID          conclave.JobID    `json:"job_id"`
	State       string            `json:"state"`
	Body        text              `json:"body"`
	Receipt     conclave.Token    `json:"receipt,omitempty"`
	Attempt     int               `json:"attempt"`
	MaxAttempts int               `json:"max_attempts"`
	Priority    int               `json:"priority"`
	Group       string            `json:"group,omitempty"`
	DedupID     string            `json:"dedup_id,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	Enqueued    time.Time         `json:"enqueued"`
	DueIn       span              `json:"due_in,omitempty"`
	Worker      *cardJSON         `json:"worker,omitempty"`
	Note        string            `json:"note,omitempty"`
	Result      *text             `json:"result,omitempty"`
	History     []attemptJSON     `json:"history,omitempty"`
}

type attemptJSON struct {
	Attempt int       `json:"attempt"`
	Worker  *cardJSON `json:"worker"`
	Ended   time.Time `json:"ended"`
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason,omitempty"`
}

func claimView(queue string, j *conclave.Job) jobJSON {
	return jobJSON{
		Queue: queue, ID: j.ID, State: conclave.JobClaimed.String(), Body: text(j.Body), Receipt: j.Receipt,
		Attempt: j.Attempt, MaxAttempts: j.MaxAttempts, Priority: j.Priority, Group: j.Group,
		Headers: j.Headers, Enqueued: j.Enqueued,
	}
}

func jobView(queue string, j *conclave.JobInfo) jobJSON {
	view := jobJSON{
		Queue: queue, ID: j.ID, State: j.State.String(), Body: text(j.Body), Receipt: j.Receipt,
		Attempt: j.Attempt, MaxAttempts: j.MaxAttempts, Priority: j.Priority, Group: j.Group, DedupID: j.DedupID,
		Headers: j.Headers, Enqueued: j.Enqueued, DueIn: span(j.DueIn), Worker: cardView(j.Worker), Note: j.Note,
	}
	if len(j.Result) > 0 {
		result := text(j.Result)
		view.Result = &result
	}
	for _, past := range j.History {
		view.History = append(view.History, attemptJSON{past.Attempt, cardView(&past.Worker), past.Ended, past.Outcome, past.Reason})
	}
	return view
}

var jobHead = []string{"JOB", "STATE", "PRIORITY", "ATTEMPT", "DUE", "WORKER", "BODY"}

func jobRow(j *conclave.JobInfo) []string {
	due, worker := "", ""
	if j.DueIn > 0 {
		due = short(j.DueIn)
	}
	if j.Worker != nil {
		worker = j.Worker.String()
	}
	return []string{
		j.ID.String(), j.State.String(), fmt.Sprint(j.Priority),
		fmt.Sprintf("%d/%d", j.Attempt, j.MaxAttempts), due, worker, excerpt(j.Body),
	}
}

// excerpt is the beginning of a body that fits into a line.
func excerpt(body []byte) string {
	const most = 60
	if runes := []rune(string(body)); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(body)
}

func printJob(w io.Writer, j *conclave.JobInfo) {
	fmt.Fprintf(w, "job:      %d, %s\nbody:     %s\nattempt:  %d of %d\npriority: %d\nenqueued: %s\n",
		j.ID, j.State, j.Body, j.Attempt, j.MaxAttempts, j.Priority, clock(j.Enqueued))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-9s %s\n", name+":", value)
		}
	}
	line("group", j.Group)
	line("dedup", j.DedupID)
	if j.Worker != nil {
		line("worker", fmt.Sprintf("%s, receipt %d", j.Worker, j.Receipt))
	}
	line("note", j.Note)
	if j.DueIn > 0 {
		line("due", "in "+short(j.DueIn))
	}
	for name, value := range sorted(j.Headers) {
		line("header", name+"="+value)
	}
	line("result", string(j.Result))
	for _, past := range j.History {
		reason := past.Outcome
		if past.Reason != "" {
			reason += ": " + past.Reason
		}
		line("history", fmt.Sprintf("attempt %d by %s, %s, %s", past.Attempt, past.Worker, clock(past.Ended), reason))
	}
}

// statsJSON are the counts of a queue for programs.
type statsJSON struct {
	Queue          string `json:"queue"`
	Ready          int64  `json:"ready"`
	Delayed        int64  `json:"delayed"`
	Claimed        int64  `json:"claimed"`
	Dead           int64  `json:"dead"`
	Done           int64  `json:"done"`
	Blocked        int64  `json:"blocked"`
	WaitingWorkers int64  `json:"waiting_workers"`
	Enqueued       int64  `json:"enqueued_total"`
	Acked          int64  `json:"acked_total"`
	Nacked         int64  `json:"nacked_total"`
	Expired        int64  `json:"expired_total"`
	OldestReady    span   `json:"oldest_ready"`
}

func statsView(s *conclave.QueueStats) statsJSON {
	return statsJSON{
		s.Queue, s.Ready, s.Delayed, s.Claimed, s.Dead, s.Done, s.Blocked, s.WaitingWorkers,
		s.Enqueued, s.Acked, s.Nacked, s.Expired, span(s.OldestReady),
	}
}

var statsHead = []string{"QUEUE", "READY", "DELAYED", "CLAIMED", "BLOCKED", "DEAD", "DONE", "WORKERS WAITING", "OLDEST READY"}

func statsRow(s *conclave.QueueStats) []string {
	return []string{
		s.Queue, fmt.Sprint(s.Ready), fmt.Sprint(s.Delayed), fmt.Sprint(s.Claimed), fmt.Sprint(s.Blocked),
		fmt.Sprint(s.Dead), fmt.Sprint(s.Done), fmt.Sprint(s.WaitingWorkers), oldest(s),
	}
}

// oldest is how long the first ready job has been so.
func oldest(s *conclave.QueueStats) string {
	if s.Ready == 0 {
		return "-"
	}
	return short(s.OldestReady)
}

func printStats(w io.Writer, s *conclave.QueueStats) {
	fmt.Fprintf(w, "queue:    %s\n", s.Queue)
	for _, count := range []struct {
		name string
		n    int64
	}{
		{"ready", s.Ready}, {"delayed", s.Delayed}, {"claimed", s.Claimed}, {"blocked", s.Blocked}, {"dead", s.Dead}, {"done", s.Done},
	} {
		fmt.Fprintf(w, "%-9s %d\n", count.name+":", count.n)
	}
	fmt.Fprintf(w, "workers waiting: %d\noldest ready:    %s\nsince it exists: %d enqueued, %d acked, %d nacked, %d expired\n",
		s.WaitingWorkers, oldest(s), s.Enqueued, s.Acked, s.Nacked, s.Expired)
}
