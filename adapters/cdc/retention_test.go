package cdc_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/cdc"
	"orderflow/ports"
	"orderflow/tests/scyllasim"
)

// keeping starts a cluster whose log keeps rows for some seconds, and gives the feed its clock.
func keeping(t *testing.T, o scyllasim.Options, seconds int) (server, cdc.Config, *offsets) {
	t.Helper()
	o.GenerationAge = 48 * time.Hour
	s := simulated(t, o, false)
	s.keep(t, seconds)
	saved := newOffsets()
	config := s.config(saved)
	config.Now = s.sim.Now
	return s, config, saved
}

func (s server) keep(t *testing.T, seconds int) {
	t.Helper()
	s.exec(t, fmt.Sprintf("ALTER TABLE %s.outbox_messages WITH cdc = {'enabled': true, 'ttl': %d}", s.keyspace, seconds))
}

// leave moves a consumer to the end and closes the feed.
func leave(t *testing.T, s server, config cdc.Config) {
	t.Helper()
	r := follow(t, s, config)
	if err := r.feed.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_RefusesARetentionThatTheLogDoesNotHave(t *testing.T) {
	t.Parallel()
	s, config, _ := keeping(t, scyllasim.Options{}, 3600)
	for retention, accepted := range map[time.Duration]bool{0: true, 30 * time.Minute: true, time.Hour: true, time.Hour + time.Second: false, 72 * time.Hour: false} {
		config.Retention = retention
		_, err := cdc.Open(t.Context(), config)
		switch {
		case accepted && err != nil:
			t.Errorf("a retention of %s: %v", retention, err)
		case !accepted && err == nil:
			t.Errorf("a retention of %s was accepted, and the log keeps rows for an hour", retention)
		case !accepted:
			for _, want := range []string{retention.String(), "1h0m0s", "ALTER TABLE orderflow.outbox_messages"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("a retention of %s: %q does not name %s", retention, err, want)
				}
			}
		}
	}
	s.keep(t, 0) // for ever
	config.Retention = 72 * time.Hour
	if _, err := cdc.Open(t.Context(), config); err != nil {
		t.Errorf("a retention of three days, and the log keeps rows for ever: %v", err)
	}
}

func TestOpen_RefusesALogThatItCannotRead(t *testing.T) {
	t.Parallel()
	s, config, _ := keeping(t, scyllasim.Options{}, 3600)
	for name, cdcOptions := range map[string]string{
		"keys only": "{'enabled': true, 'delta': 'keys', 'ttl': 3600}",
		"no log":    "{'enabled': false}",
	} {
		s.exec(t, "ALTER TABLE orderflow.outbox_messages WITH cdc = "+cdcOptions)
		if _, err := cdc.Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "ALTER TABLE orderflow.outbox_messages") {
			t.Errorf("%s: error %v, want one that says how to mend it", name, err)
		}
	}
	config.Table = "other"
	if _, err := cdc.Open(t.Context(), config); err == nil || !strings.Contains(err.Error(), "orderflow schema apply") {
		t.Errorf("no table: error %v, want one that says how to make it", err)
	}
}

// A consumer was away for longer than the log keeps rows. The feed's configuration does not say how
// long that is.
func TestFeed_ExpiresWithTheLog(t *testing.T) {
	t.Parallel()
	for _, retention := range []time.Duration{0, time.Minute} {
		s, config, _ := keeping(t, scyllasim.Options{}, 60)
		config.Retention = retention
		leave(t, s, config)
		s.sim.Advance(30 * time.Second)
		again := run(t, config)
		sub, err := again.Subscribe(t.Context(), "a")
		if err != nil {
			t.Fatalf("subscribe within the time: %v", err)
		}
		s.sim.Advance(2 * time.Minute)
		if _, err := sub.Next(t.Context()); !errors.Is(err, ports.ErrOffsetExpired) {
			t.Errorf("next: error %v, want %v", err, ports.ErrOffsetExpired)
		}
		if _, err := run(t, config).Subscribe(t.Context(), "a"); !errors.Is(err, ports.ErrOffsetExpired) {
			t.Errorf("subscribe: error %v, want %v", err, ports.ErrOffsetExpired)
		}
	}
}

// An operator makes the log keep rows for a shorter or longer time while the service runs.
func TestFeed_BelievesAnAlteredTable(t *testing.T) {
	t.Parallel()
	s, config, saved := keeping(t, scyllasim.Options{}, 24*3600)
	said := &lines{}
	config.Logger = slog.New(slog.NewTextHandler(said, nil))
	feed := run(t, config)
	at := uuid.UUID(gocql.MinTimeUUID(s.sim.Now().Add(-2 * time.Hour)))
	if err := saved.SaveOffsets(t.Context(), "a", map[string]uuid.UUID{cdc.WholeLog: at}); err != nil {
		t.Fatal(err)
	}
	sub, err := feed.Subscribe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	s.keep(t, 3600)
	await(t, "the feed to see it", func() bool { return feed.Stats().Retention == time.Hour }, feed)
	if _, err := feed.Subscribe(t.Context(), "a"); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("subscribe at an offset of two hours ago: error %v, want %v", err, ports.ErrOffsetExpired)
	}
	await(t, "a line about it", func() bool { return said.have("24h0m0s", "1h0m0s") })
	// Rows of the last hours do not come back because new ones will be kept for a day.
	s.keep(t, 24*3600)
	await(t, "the feed to see it", func() bool { return feed.Stats().Retention == 24*time.Hour }, feed)
	if _, err := feed.Subscribe(t.Context(), "a"); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("subscribe at an offset of two hours ago, when the log was told to keep more: error %v, want %v", err, ports.ErrOffsetExpired)
	}
}

// The table was created again. Everything older than its first stream set is gone, whatever the
// retention.
func TestFeed_ExpiresBeforeTheFirstStreamSet(t *testing.T) {
	t.Parallel()
	s, config, saved := keeping(t, scyllasim.Options{Tablets: true}, 24*3600)
	leave(t, s, config)
	s.sim.Advance(time.Hour)
	s.exec(t, "DROP TABLE orderflow.outbox_messages")
	s.exec(t, fmt.Sprintf(createOutbox, s.keyspace, false))
	feed := run(t, config)
	if _, err := feed.Subscribe(t.Context(), "a"); !errors.Is(err, ports.ErrOffsetExpired) {
		t.Errorf("subscribe at an offset of the table before: error %v, want %v", err, ports.ErrOffsetExpired)
	}
	if err := feed.SeekEnd(t.Context(), "a"); err != nil { // a moment after the table was created
		t.Fatal(err)
	}
	if _, err := feed.Subscribe(t.Context(), "a"); err != nil {
		t.Errorf("subscribe after seek end, at %s: %v", saved.at("a"), err)
	}
}
