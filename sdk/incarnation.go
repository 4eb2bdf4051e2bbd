package conclave

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	conclavev1 "github.com/conclavehq/conclave/proto/gen/conclave/v1"
)

// incarnation is the namespace of a client. Other ones may have had its name, and
// others may have it later; a client asks once which one is meant, and all that it
// sends from then on is for that one. So a watch or a session does not go on, and
// a request that is sent again or arrives late takes no effect, in another
// namespace.
type incarnation struct {
	name string // as the client was given it
	// changing is false for the default namespace, which is never deleted, and for
	// an address that the client was given.
	changing bool
	address  atomic.Pointer[string] // nil: not known yet
	asking   chan struct{}          // whoever asks holds its token
}

func newIncarnation(name string) *incarnation {
	return &incarnation{
		name:     name,
		changing: name != "" && name != defaultNamespace && !strings.Contains(name, "@"),
		asking:   make(chan struct{}, 1),
	}
}

const defaultNamespace = "default"

// where is how a request names the namespace. Before the first call it does so by
// name, and settle replaces that.
func (c *Client) where() string {
	if known := c.space.address.Load(); known != nil {
		return *known
	}
	return c.space.name
}

// settle makes sure that a request says which namespace is meant. Only those that
// were made before the first answer cost anything.
func settle(ctx context.Context, c *Client, req any) error {
	if !c.space.changing {
		return nil
	}
	placed, ok := req.(interface{ GetNamespace() string })
	if !ok {
		return nil
	}
	known := c.space.address.Load()
	if known != nil && *known == placed.GetNamespace() {
		return nil
	}
	if known == nil {
		var err error
		if known, err = c.identify(ctx); err != nil {
			return err
		}
	}
	m := req.(proto.Message).ProtoReflect()
	m.Set(m.Descriptor().Fields().ByName("namespace"), protoreflect.ValueOfString(*known))
	return nil
}

// identify asks which namespace has the name, once for all calls that wait for it.
func (c *Client) identify(ctx context.Context) (*string, error) {
	select {
	case c.space.asking <- struct{}{}:
		defer func() { <-c.space.asking }()
	case <-ctx.Done():
		return nil, interrupted(ctx, nil, false)
	case <-c.ctx.Done():
		return nil, context.Cause(c.ctx)
	}
	if known := c.space.address.Load(); known != nil {
		return known, nil
	}
	res, err := read(ctx, c, (*services).ListNamespaces, &conclavev1.ListNamespacesRequest{Name: c.space.name})
	if err != nil {
		return nil, err
	}
	for _, n := range res.GetNamespaces() {
		if n.GetName() == c.space.name && n.GetState() == "active" {
			address := namespaceFrom(n).Address()
			c.space.address.Store(&address)
			return &address, nil
		}
	}
	return nil, &Error{Reason: reasonNoNamespace, Message: "there is no namespace " + strconv.Quote(c.space.name)}
}
