package bootstrap

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/adapters/scylla"
	"orderflow/adapters/scylla/schema"
	"orderflow/ports"
)

// Somebody changes the keyspace while the service runs. The next look finds it, once an hour, and
// says it once. A look that fails keeps what was found before.
func TestPosture_looksEveryHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		server := &keyspace{}
		p := &posture{
			look: server.look,
			log:  slog.New(slog.NewTextHandler(&log, nil)), now: time.Now,
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.run(ctx) }()
		synctest.Wait()
		if looks := server.looked(); looks != 1 || p.err() != nil || len(p.notes()) > 0 {
			t.Errorf("at the start: %d looks, %v, %v", looks, p.err(), p.notes())
		}
		server.change([]scylla.Finding{
			{Code: "cdc-off", Severity: schema.Fatal, Meaning: "no log", Mend: "ALTER"},
			{Code: "replication-low", Severity: schema.Warning, Meaning: "one copy"},
		}, nil)
		time.Sleep(3 * postureEvery)
		synctest.Wait()
		if looks := server.looked(); looks != 4 || p.err() == nil || len(p.notes()) != 2 {
			t.Errorf("after three hours: %d looks, %v, %v", looks, p.err(), p.notes())
		}
		if n := strings.Count(log.String(), "code=cdc-off"); n != 1 {
			t.Errorf("it was logged %d times:\n%s", n, &log)
		}
		server.change(nil, ports.ErrUnavailable)
		_, at := p.Findings()
		time.Sleep(postureEvery)
		synctest.Wait()
		if _, later := p.Findings(); len(p.notes()) != 2 || !later.Equal(at) {
			t.Errorf("after a look that failed: %v of %s, want those of %s", p.notes(), later, at)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// keyspace is a keyspace that changes.
type keyspace struct {
	mu       sync.Mutex
	findings []scylla.Finding
	failure  error
	looks    int
}

func (k *keyspace) look(context.Context) (scylla.Posture, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looks++
	return scylla.Posture{Findings: k.findings}, k.failure
}

func (k *keyspace) change(findings []scylla.Finding, failure error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.findings, k.failure = findings, failure
}

func (k *keyspace) looked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.looks
}
