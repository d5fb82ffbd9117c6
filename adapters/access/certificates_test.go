package access_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/adapters/access"
)

// authority signs certificates for tests.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(87600 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate, key}
}

// issue returns a certificate for a name, and its key, as PEM.
func (a authority) issue(t *testing.T, name string) (cert, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<60))
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(87600 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// subject returns the name in the certificate that a server with a configuration shows.
func subject(t *testing.T, config *tls.Config) string {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	go func() {
		defer there.Close()
		_ = tls.Server(there, config).HandshakeContext(context.Background())
	}()
	client := tls.Client(here, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if protocol := client.ConnectionState().NegotiatedProtocol; protocol != "h2" {
		t.Errorf("protocol %q, want h2", protocol)
	}
	return client.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestCertificates_reload(t *testing.T) {
	t.Parallel()
	ca, dir := newAuthority(t), t.TempDir()
	files := access.TLSFiles{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	cert1, key1 := ca.issue(t, "first")
	cert2, key2 := ca.issue(t, "second")
	log := slog.New(slog.DiscardHandler)
	if _, err := access.OpenCertificates(files, log, nil); err == nil {
		t.Error("files that do not exist are accepted")
	}
	write(t, files.Cert, cert1)
	write(t, files.Key, key2)
	if _, err := access.OpenCertificates(files, log, nil); err == nil {
		t.Error("a key of another certificate is accepted")
	}
	write(t, files.Key, key1)
	synctest.Test(t, func(t *testing.T) {
		var told []string
		c, err := access.OpenCertificates(files, log, func(fingerprint string) error {
			told = append(told, fingerprint)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		config := c.Config() // made once, as for a listener
		expect := func(name string, bad bool) {
			t.Helper()
			time.Sleep(6 * time.Second)
			synctest.Wait()
			if got := subject(t, config); got != name || (c.Err() != nil) != bad {
				t.Errorf("certificate %s, want %s; %v", got, name, c.Err())
			}
		}
		expect("first", false)
		write(t, files.Cert, cert2) // the key comes later, as when files are copied
		expect("first", true)
		write(t, files.Key, key2)
		expect("second", false)
		write(t, files.Cert, []byte("nonsense"))
		expect("second", true)
		write(t, files.Cert, cert2)
		expect("second", false)
		if len(told) != 1 || told[0] != c.Fingerprint() {
			t.Errorf("told of %v, want %s", told, c.Fingerprint())
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
