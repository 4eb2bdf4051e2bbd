package etcdv2

import (
	"context"
)

// listAttempts is how often a directory is listed that changes under the reader.
const listAttempts = 5

// get answers with what is at a path, and at which index.
func (s *space) get(ctx context.Context, req *request) (*event, int64, error) {
	how := linearizable
	if req.local {
		how = local
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		v, err := s.look(ctx, how, req.path)
		if err != nil {
			return nil, 0, err
		}
		if fault := v.resolve(); fault != nil {
			return nil, 0, fault
		}
		if v.at.isFile() {
			end, err := s.ends(ctx, v.at.file.GetLeaseId(), req.path)
			return &event{Action: actionGet, Node: file(req.path, v.at.file, end)}, v.revision, err
		}
		listed, index, err := s.list(ctx, req.path, req.recursive)
		if err != nil || listed != nil {
			return &event{Action: actionGet, Node: listed}, index, err
		}
		// The directory went away meanwhile.
	}
}
