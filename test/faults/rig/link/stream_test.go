//go:build linux

package link

import (
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// connect makes a TCP connection to one endpoint from another one.
func connect(t testing.TB, n *Network, from, to string) (client, server net.Conn) {
	t.Helper()
	var listener net.Listener
	err := n.In(to, func() (err error) {
		listener, err = net.Listen("tcp4", net.JoinHostPort(n.Address(to).String(), "0"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	err = n.In(from, func() (err error) {
		dialer := net.Dialer{Timeout: 5 * time.Second, FallbackDelay: -1}
		client, err = dialer.Dial("tcp4", listener.Addr().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	for _, conn := range []net.Conn{client, server} {
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return client, server
}

// says sends a word from one end to the other.
func says(t testing.TB, from, to net.Conn, word string) {
	t.Helper()
	if _, err := io.WriteString(from, word); err != nil {
		t.Fatal(err)
	}
	heard := make([]byte, len(word))
	if _, err := io.ReadFull(to, heard); err != nil || string(heard) != word {
		t.Fatalf("heard %q: %v", heard, err)
	}
}

func wantReset(t testing.TB, who string, conn net.Conn) {
	t.Helper()
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%s reads %v, not a reset", who, err)
	}
}

func TestReset(t *testing.T) {
	n := network(t, "n1", "n2")
	fresh, freshServer := connect(t, n, "n2", "n1")
	used, usedServer := connect(t, n, "n1", "n2")
	other, otherServer := connect(t, n, Clients, "n2")
	for i := range 100 {
		says(t, used, usedServer, "hello "+strconv.Itoa(i))
		says(t, usedServer, used, "and back "+strconv.Itoa(i))
	}
	says(t, other, otherServer, "x")
	if count, err := n.reset("n1", "n2", false); count != 2 || err != nil {
		t.Errorf("%d connections were reset: %v", count, err)
	}
	wantReset(t, "one that was not used", fresh)
	wantReset(t, "its server", freshServer)
	wantReset(t, "a client", used)
	wantReset(t, "its server", usedServer)
	says(t, otherServer, other, "a connection of others goes on")
	if count, err := n.reset("n1", "n2", false); count != 0 || err != nil {
		t.Errorf("%d connections were reset once more: %v", count, err)
	}
	says2, server := connect(t, n, "n1", "n2")
	says(t, says2, server, "a new one can be made")
}

// TestResetWhileLost: what is in flight is not known to the receiver.
func TestResetWhileLost(t *testing.T) {
	n := network(t, "n1", "n2")
	client, server := connect(t, n, "n1", "n2")
	says(t, client, server, "hello")
	set(t, n, "n1", "n2", Rule{Cut: true})
	if _, err := io.WriteString(client, "lost"); err != nil {
		t.Fatal(err)
	}
	if count, err := n.reset(Clients, All, false); count != 0 || err != nil {
		t.Errorf("%d connections of others were reset: %v", count, err)
	}
	if count, err := n.reset("n2", All, false); count != 1 || err != nil {
		t.Errorf("%d connections were reset: %v", count, err)
	}
	wantReset(t, "the server", server)
	wantReset(t, "the client", client)
}

func TestHalfOpen(t *testing.T) {
	n := network(t, "n1", "n2")
	client, server := connect(t, n, "n1", "n2")
	says(t, client, server, "hello")
	if count, err := n.reset("n2", "n1", true); count != 1 || err != nil {
		t.Errorf("%d connections were half closed: %v", count, err)
	}
	wantReset(t, "the server", server)
	if err := client.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := client.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("the client has noticed: %v", err)
	}
	_ = client.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(client, "still there?"); err != nil {
		t.Fatal(err)
	}
	wantReset(t, "the client, which has asked,", client)
}

// TestStream: a stream stays whole whatever its packets go through.
func TestStream(t *testing.T) {
	n := network(t, "n1")
	for name, rule := range map[string]Rule{
		"plain": {},
		"bad":   {Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.02, Duplicate: 0.05, Reorder: 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			size := 64 << 20
			if name == "bad" {
				size = 2 << 20
			}
			client, server := connect(t, n, Clients, "n1")
			if err := n.SetAll(map[Way]Rule{{Clients, "n1"}: rule, {"n1", Clients}: rule}); err != nil {
				t.Fatal(err)
			}
			sent := make(chan error, 1)
			go func() {
				block := make([]byte, 1<<16)
				for done := 0; done < size; done += len(block) {
					for i := range block {
						block[i] = byte((done + i) / 251)
					}
					if _, err := client.Write(block); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			block, began := make([]byte, 1<<16), time.Now()
			for done := 0; done < size; done += len(block) {
				if _, err := io.ReadFull(server, block); err != nil {
					t.Fatal(err)
				}
				for i, b := range block {
					if b != byte((done+i)/251) {
						t.Fatalf("byte %d is %d", done+i, b)
					}
				}
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			t.Logf("%d MiB in %v", size>>20, time.Since(began))
			if err := n.Clear(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
