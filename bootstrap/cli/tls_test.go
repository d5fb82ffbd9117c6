package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// signed makes a certificate for a name, and writes it with its key. It signs itself, or by means
// of an authority.
func signed(t *testing.T, dir, name string, by *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: by == nil, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey.(*ecdsa.PrivateKey)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
	for suffix, content := range map[string][]byte{".cert": cert, ".key": private} {
		if err := os.WriteFile(filepath.Join(dir, name+suffix), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(cert, private)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// asks sends a request to a service and returns the status and the answer.
func asks(t *testing.T, trusted, own *tls.Certificate, url string) (int, string) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	transport.TLSClientConfig.RootCAs.AddCert(trusted.Leaf)
	if own != nil {
		transport.TLSClientConfig.Certificates = []tls.Certificate{*own}
	}
	answer, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.ProtoMajor != 2 {
		t.Errorf("%s answers in %s", url, answer.Proto)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// A service with TLS, another address for operators, and clients with certificates.
func TestServe_tlsAndTheAddressOfOperators(t *testing.T) {
	t.Parallel()
	data, dir := t.TempDir(), t.TempDir()
	server := signed(t, dir, "server", nil)
	ca := signed(t, dir, "ca", nil)
	shop, stranger := signed(t, dir, "shop", &ca), signed(t, dir, "stranger", &ca)
	s := serveHere(t, "--auth=tokens", "--sink=none", "--data="+data, "--ops-listen=127.0.0.1:0",
		"--tls-cert="+filepath.Join(dir, "server.cert"), "--tls-key="+filepath.Join(dir, "server.key"),
		"--tls-client-ca="+filepath.Join(dir, "ca.cert"), "--tls-client-roles=shop=writer")
	defer s.stop(t) // before its directory is removed
	url := urlOf(t, s)
	if !strings.HasPrefix(url, "https://") {
		t.Fatalf("address %s", url)
	}
	// the command line finds the address of operators, and trusts the certificate of the service
	want(t, 0, "orders-by-sku", "consumers", "--data="+data)
	want(t, 0, "1 orders", "demo", "--orders=1", "--seed=1", "--data="+data)
	owner, err := os.ReadFile(filepath.Join(data, "OWNER"))
	if err != nil {
		t.Fatal(err)
	}
	var at struct {
		Address string `json:"address"`
	}
	if err := json.Unmarshal(owner, &at); err != nil || at.Address == url {
		t.Fatalf("operators are at %q, %v", at.Address, err)
	}

	for _, test := range []struct {
		own    *tls.Certificate
		url    string
		status int
		says   string
	}{
		{&shop, url + "/v1/orders?status=ACTIVE", 200, ""},
		{&stranger, url + "/v1/orders?status=ACTIVE", 401, "credentials_unknown"},
		{nil, url + "/v1/orders?status=ACTIVE", 401, "credentials_missing"},
		{&shop, url + "/v1/consumers", 404, "route_not_found"},
		{&shop, url + "/metrics", 404, "route_not_found"},
		{nil, url + "/livez", 200, ""},
		{&shop, at.Address + "/v1/consumers", 403, "ops:read"},
		{nil, at.Address + "/metrics", 401, "credentials_missing"},
		{&shop, at.Address + "/v1/orders?status=ACTIVE", 200, ""},
	} {
		if status, text := asks(t, &server, test.own, test.url); status != test.status || !strings.Contains(text, test.says) {
			t.Errorf("%s answers %d %s, want %d %s", test.url, status, text, test.status, test.says)
		}
	}
}

func TestServe_tlsSettings(t *testing.T) {
	t.Parallel()
	data, dir := "--data="+t.TempDir(), t.TempDir()
	signed(t, dir, "one", nil)
	signed(t, dir, "two", nil)
	in := func(name string) string { return filepath.Join(dir, name) }
	want(t, 2, "one is of no use without the other", "serve", "--listen=127.0.0.1:0", data, "--tls-cert="+in("one.cert"))
	want(t, 1, "tls:", "serve", "--listen=127.0.0.1:0", data, "--sink=none", "--tls-cert="+in("one.cert"), "--tls-key="+in("two.key"))
	want(t, 1, "tls:", "serve", "--listen=127.0.0.1:0", data, "--sink=none", "--tls-cert="+in("no.cert"), "--tls-key="+in("no.key"))
	want(t, 2, "asks nobody", "serve", data, "--tls-cert=a", "--tls-key=b", "--tls-client-ca=c")
	want(t, 2, "king", "serve", data, "--auth=tokens", "--tls-cert=a", "--tls-key=b", "--tls-client-ca=c", "--tls-client-roles=shop=king")
	want(t, 2, "ops-listen", "serve", data, "--ops-listen=here")
	want(t, 2, "--insecure", "serve", data, "--ops-listen=0.0.0.0:0")
}
