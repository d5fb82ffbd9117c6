package scylla_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderflow/adapters/scylla"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

func TestOpen_NamesTheHostsThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = scylla.Open(t.Context(), on([]string{nobody}))
	if !errors.Is(err, ports.ErrUnavailable) || !strings.Contains(err.Error(), nobody) {
		t.Errorf("error %v, want %v with %s", err, ports.ErrUnavailable, nobody)
	}
}

func TestOpen_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, do := range map[string]func() error{
		"open":   func() error { _, err := scylla.Open(ctx, on(sim.Hosts())); return err },
		"apply":  func() error { _, err := scylla.ApplySchema(ctx, on(sim.Hosts())); return err },
		"status": func() error { _, err := scylla.Status(ctx, on(sim.Hosts())); return err },
	} {
		if err := do(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v, want %v", name, err, context.Canceled)
		}
	}
}

func TestOpen_Authenticates(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Username: "orders", Password: "secret"})
	config := on(sim.Hosts())
	config.Username, config.Password = "orders", "secret"
	if _, err := scylla.ApplySchema(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	open(t, config)
	config.Password = "wrong"
	if _, err := scylla.Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "password") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("error %v, want one about the password, without it", err)
	}
}

func TestOpen_VerifiesTheServer(t *testing.T) {
	t.Parallel()
	web := httptest.NewTLSServer(nil) // for its certificate, of 127.0.0.1 and example.com
	defer web.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	sim := start(t, scyllasim.Options{TLS: &tls.Config{Certificates: web.TLS.Certificates}})
	for _, tt := range []struct {
		name string
		tls  *scylla.TLS
		ok   bool
	}{
		{"known authority", &scylla.TLS{CA: ca}, true},
		{"other name that the certificate is for", &scylla.TLS{CA: ca, ServerName: "example.com"}, true},
		{"name that the certificate is not for", &scylla.TLS{CA: ca, ServerName: "example.org"}, false},
		{"unknown authority", &scylla.TLS{}, false},
		{"no such file", &scylla.TLS{CA: ca + "?"}, false},
		{"not a certificate", &scylla.TLS{CA: "config_test.go"}, false},
		{"no such client certificate", &scylla.TLS{CA: ca, Cert: "none", Key: "none"}, false},
		{"plain", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := on(sim.Hosts())
			config.TLS, config.ConnectTimeout = tt.tls, time.Minute
			if _, err := scylla.ApplySchema(t.Context(), config); (err == nil) != tt.ok {
				t.Errorf("error %v, want success: %t", err, tt.ok)
			}
		})
	}
}

// Behind an address that is not that of a node, only the given hosts are used.
func TestOpen_UsesOnlyTheGivenHosts(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{Nodes: 2})
	config := on(sim.Hosts()[:1])
	config.DisableInitialHostLookup, config.DisableShardAwarePort = true, true
	store := open(t, prepare(t, config))
	mustAppend(t, store, command(newID(), 0, 1))
}

func TestOpen_StaysInItsDataCentre(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := on(sim.Hosts())
	config.LocalDC = "datacenter1"
	store := open(t, prepare(t, config))
	mustAppend(t, store, command(newID(), 0, 1))
}
