package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/conclavehq/conclave/internal/etcdsource"
)

// etcdFlags say where an etcd is, as etcdctl's do.
type etcdFlags struct {
	endpoints          []string
	user, password     string
	cacert, cert, key  string
	insecureSkipVerify bool
}

func (f *etcdFlags) define(cmd *cobra.Command) {
	set := cmd.Flags()
	endpoints := []string{"http://127.0.0.1:2379"}
	if given := os.Getenv("ETCDCTL_ENDPOINTS"); given != "" {
		endpoints = strings.Split(given, ",")
	}
	set.StringSliceVar(&f.endpoints, "endpoints", endpoints, "members of etcd to copy from (ETCDCTL_ENDPOINTS)")
	set.StringVar(&f.user, "user", "", "NAME or NAME:PASSWORD, for an etcd with authentication (ETCDCTL_USER)")
	set.StringVar(&f.password, "password", "", "password of --user (ETCDCTL_PASSWORD)")
	set.StringVar(&f.cacert, "cacert", "", "file of the certificates that sign etcd's (ETCDCTL_CACERT)")
	set.StringVar(&f.cert, "cert", "", "file of the certificate to show to etcd (ETCDCTL_CERT)")
	set.StringVar(&f.key, "key", "", "file of its key (ETCDCTL_KEY)")
	set.BoolVar(&f.insecureSkipVerify, "insecure-skip-tls-verify", false, "take any certificate of etcd's; for tests")
}

// fill takes what was not given from etcdctl's variables.
func (f *etcdFlags) fill() {
	f.user = cmp.Or(f.user, os.Getenv("ETCDCTL_USER"))
	f.password = cmp.Or(f.password, os.Getenv("ETCDCTL_PASSWORD"))
	f.cacert = cmp.Or(f.cacert, os.Getenv("ETCDCTL_CACERT"))
	f.cert = cmp.Or(f.cert, os.Getenv("ETCDCTL_CERT"))
	f.key = cmp.Or(f.key, os.Getenv("ETCDCTL_KEY"))
}

// config is where etcd is and who asks.
func (f *etcdFlags) config() (etcdsource.Config, error) {
	f.fill()
	user, password, _ := strings.Cut(f.user, ":")
	password = cmp.Or(password, f.password)
	if user != "" && password == "" && f.cert == "" {
		return etcdsource.Config{}, misused("--user %s: give the password as --user NAME:PASSWORD, --password or ETCDCTL_PASSWORD", user)
	}
	settings, err := f.tls()
	return etcdsource.Config{Endpoints: f.endpoints, User: user, Password: password, TLS: settings}, err
}

// tls is nil if nothing is said about certificates.
func (f *etcdFlags) tls() (*tls.Config, error) {
	if f.cacert == "" && f.cert == "" && f.key == "" && !f.insecureSkipVerify {
		return nil, nil
	}
	if (f.cert == "") != (f.key == "") {
		return nil, misused("--cert and --key belong together: give both")
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.insecureSkipVerify}
	if f.cacert != "" {
		pem, err := os.ReadFile(f.cacert)
		if err != nil {
			return nil, misused("--cacert: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, misused("--cacert %s has no certificate in it", f.cacert)
		}
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, misused("--cert and --key: %w", err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return settings, nil
}
