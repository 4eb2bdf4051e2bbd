package clientv3

import (
	"context"
	"testing"

	"github.com/conclavehq/conclave/test/compat/rig"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func clientContext(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

// Who asks as somebody is told that nobody is.
func testAuth(t *testing.T, s site) {
	c, ctx := s.client(t), rig.Within(t, rig.Patience)
	status, err := c.AuthStatus(ctx)
	if err != nil || status.Enabled {
		t.Errorf("status: %v, %v", status, err)
	}
	_, err = c.Authenticate(ctx, "root", "secret")
	refused(t, "authenticate", err, rpctypes.ErrAuthNotEnabled)
	// A client that was given a password does without.
	named, err := clientv3.New(clientv3.Config{Endpoints: []string{s.endpoint}, Username: "root", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := named.Get(ctx, key(t, "k")); err != nil {
		t.Errorf("with a password: %v", err)
	}
	_ = named.Close()
	if !s.conclave {
		return // etcd stores users that nobody asks about
	}
	for what, call := range map[string]func() error{
		"enable":        func() error { _, err := c.AuthEnable(ctx); return err },
		"user add":      func() error { _, err := c.UserAdd(ctx, "u", "p"); return err },
		"user get":      func() error { _, err := c.UserGet(ctx, "u"); return err },
		"user list":     func() error { _, err := c.UserList(ctx); return err },
		"user delete":   func() error { _, err := c.UserDelete(ctx, "u"); return err },
		"user password": func() error { _, err := c.UserChangePassword(ctx, "u", "p"); return err },
		"user grant":    func() error { _, err := c.UserGrantRole(ctx, "u", "r"); return err },
		"user revoke":   func() error { _, err := c.UserRevokeRole(ctx, "u", "r"); return err },
		"role add":      func() error { _, err := c.RoleAdd(ctx, "r"); return err },
		"role get":      func() error { _, err := c.RoleGet(ctx, "r"); return err },
		"role list":     func() error { _, err := c.RoleList(ctx); return err },
		"role delete":   func() error { _, err := c.RoleDelete(ctx, "r"); return err },
		"role grant": func() error {
			_, err := c.RoleGrantPermission(ctx, "r", "a", "b", clientv3.PermissionType(clientv3.PermRead))
			return err
		},
		"role revoke": func() error { _, err := c.RoleRevokePermission(ctx, "r", "a", "b"); return err },
	} {
		refused(t, what, call(), rpctypes.ErrAuthNotEnabled)
	}
}
