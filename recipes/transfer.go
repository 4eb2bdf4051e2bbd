package recipes

import (
	"github.com/conclavehq/conclave/internal/keys"
	logv1 "github.com/conclavehq/conclave/proto/gen/conclave/log/v1"
	storagev1 "github.com/conclavehq/conclave/proto/gen/conclave/storage/v1"
)

// metaImport is the field of keys.Meta that holds the ImportRecord.
const metaImport = 0x12

const (
	// How long an import may keep leases from ending.
	maxHold = 24 * 60 * 60 * 1000
	// Tokens are revisions and have to fit into a JSON number (promise R2). This
	// leaves as many revisions above as nobody can use up.
	maxRevision = 1 << 52
)

func importKey(r Reader) []byte {
	return keys.U8(keys.Prefix(r.Namespace(), keys.Meta), metaImport)
}

// ImportKeys brings keys as another store has them. Its revisions, versions and
// leases become the namespace's own, so that whoever knows a revision from there can
// go on with it here.
func ImportKeys(tx Tx, cmd *logv1.ImportKeys) (*logv1.ImportKeysResult, *logv1.Refusal) {
	im := &importing{tx: tx, cmd: cmd, current: int64(tx.Revision()), result: &logv1.ImportKeysResult{}}
	im.known = load(tx, importKey(tx), &im.record)
	for _, step := range []func() *logv1.Refusal{im.check, im.leases, im.part, im.revisions} {
		if refusal := step(); refusal != nil {
			return nil, refusal
		}
	}
	im.endLeases()
	if im.moves() {
		im.record.Source = cmd.GetSource()
		im.record.Revision = int64(tx.Revision())
		save(tx, importKey(tx), &im.record)
	}
	return im.result, nil
}

// importing is one ImportKeys on its way.
type importing struct {
	tx  Tx
	cmd *logv1.ImportKeys
	// current is the namespace's revision before the command.
	current int64
	record  storagev1.ImportRecord
	known   bool
	result  *logv1.ImportKeysResult
}

// moves tells whether the command is about more than leases.
func (im *importing) moves() bool {
	return im.cmd.GetPart() != nil || len(im.cmd.GetRevisions()) > 0
}

// check looks at whether the namespace is what the import takes it for. Whoever else
// writes makes it another one: copying on would mix two histories.
func (im *importing) check() *logv1.Refusal {
	switch {
	case im.cmd.GetSource() == "":
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "an import names its source")
	case im.cmd.GetPart() != nil && len(im.cmd.GetRevisions()) > 0:
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "an import is a part of a copy, or revisions that follow it, not both")
	case im.cmd.GetHoldMs() < 0 || im.cmd.GetHoldMs() > maxHold:
		return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "leases are not held for %d ms but for 0 to %d ms", im.cmd.GetHoldMs(), maxHold)
	case !im.known && !im.cmd.GetPart().GetFirst():
		return im.conflict("nothing was imported yet; an import begins with the first part of a copy")
	case im.known && im.record.GetSource() != im.cmd.GetSource():
		return im.conflict("the namespace was imported from %s and not from %s", im.record.GetSource(), im.cmd.GetSource())
	case !im.moves():
		return nil
	case im.known && im.record.GetRevision() != im.current:
		return im.conflict("the namespace was imported up to revision %d and is at %d now: somebody has written to it since, or leases ran out",
			im.record.GetRevision(), im.current)
	case im.cmd.GetExpectedRevision() != im.current:
		return im.conflict("the namespace is at revision %d and not at %d", im.current, im.cmd.GetExpectedRevision())
	}
	return nil
}

func beyond(revision int64) *logv1.Refusal {
	return refuse(logv1.Reason_REASON_INVALID_ARGUMENT, "revision %d is above %d, the highest that can be imported", revision, int64(maxRevision))
}

// conflict says that the namespace is not what the import takes it for.
func (im *importing) conflict(format string, args ...any) *logv1.Refusal {
	return im.about(logv1.Reason_REASON_IMPORT_CONFLICT, format, args...)
}

func (im *importing) about(reason logv1.Reason, format string, args ...any) *logv1.Refusal {
	refusal := refuse(reason, format, args...)
	refusal.Revision = im.current
	return refusal
}

// hasKeys tells whether there are any keys.
func hasKeys(r Reader) bool {
	page, _ := r.Export(&logv1.ExportKeys{Key: []byte{0}, RangeEnd: []byte{0}, Limit: 1})
	return len(page.GetKvs()) > 0
}

// GetImport answers how far the namespace was imported.
func GetImport(r Reader, _ *logv1.GetImport) (*logv1.GetImportResult, *logv1.Refusal) {
	var rec storagev1.ImportRecord
	load(r, importKey(r), &rec)
	return &logv1.GetImportResult{
		Source: rec.GetSource(), Revision: rec.GetRevision(), Complete: rec.GetComplete(),
	}, nil
}

// ExportKeys answers with a page of keys.
func ExportKeys(r Reader, q *logv1.ExportKeys) (*logv1.ExportKeysResult, *logv1.Refusal) {
	return r.Export(q)
}
