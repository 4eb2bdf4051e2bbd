package transport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"
)

// authority signs certificates for 127.0.0.1.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(t, template, template, key)
	return a
}

func (a *authority) sign(t *testing.T, template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// config is that of a node with a certificate of the authority, which wants one of it
// from others.
func (a *authority) config(t *testing.T, name string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, key)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
		RootCAs:      pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	}
}

// On a peer port with TLS, strangers without a certificate, with one of another
// authority, or that stop in the midst of the handshake are closed, however many they
// are; a peer gets through at once.
func TestRegressionDragonboatForeignCertificates(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	b := startPeerOn(t, tls.NewListener(listen(t), ours.config(t, "n2")), clusterNode("n2"),
		func(m *MuxConfig, _ *Config) { m.HandshakeTimeout = patience })
	a := startPeer(t, clusterNode("n1"), func(_ *MuxConfig, c *Config) {
		config := ours.config(t, "n1")
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", addr)
		}
	}).knows(b)

	foreign := theirs.config(t, "n1")
	foreign.InsecureSkipVerify = true // a stranger does not care who it talks to
	hello := sealHandshake([]byte(magic), kindHello, clusterNode("n1").appendTo)
	for range 10 {
		b.dialRaw(t)                                            // silent
		write(t, b.dialRaw(t), []byte{22, 3, 1, 2, 0, 1, 0, 1}) // the begin of a TLS handshake
		plain := b.dialRaw(t)
		write(t, plain, hello)
		mustBeClosed(t, plain)
		for _, config := range []*tls.Config{foreign, {InsecureSkipVerify: true}} {
			conn := tls.Client(b.dialRaw(t), config)
			_, _ = conn.Write(hello) // a client is done before the server has looked at its certificate
			mustBeClosed(t, conn.NetConn())
		}
	}
	a.mustReach(t, b)
}
