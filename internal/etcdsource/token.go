package etcdsource

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/metadata"
)

// authorized is ctx with the token of the user, if there is one.
func (e *Etcd) authorized(ctx context.Context, m *member) (context.Context, error) {
	if e.config.User == "" {
		return ctx, nil
	}
	e.mu.Lock()
	token := e.mu.token
	e.mu.Unlock()
	if token == "" {
		res, err := m.auth.Authenticate(ctx, &pb.AuthenticateRequest{Name: e.config.User, Password: e.config.Password})
		if notEnabled(err) {
			return ctx, nil // then nobody needs to
		}
		if err != nil {
			return ctx, err
		}
		token = res.GetToken()
		e.mu.Lock()
		e.mu.token = token
		e.mu.Unlock()
	}
	return metadata.AppendToOutgoingContext(ctx, "token", token), nil
}

// authorizedStream is ctx with the token of the user, for a stream without an end.
func (e *Etcd) authorizedStream(ctx context.Context, m *member) (context.Context, error) {
	brief, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	authorized, err := e.authorized(brief, m)
	if err != nil {
		return nil, err
	}
	with, _ := metadata.FromOutgoingContext(authorized)
	return metadata.NewOutgoingContext(ctx, with), nil
}

func (e *Etcd) forgetToken() {
	e.mu.Lock()
	e.mu.token = ""
	e.mu.Unlock()
}
