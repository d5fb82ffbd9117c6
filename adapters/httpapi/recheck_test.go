package httpapi_test

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/adapters/access"
	"orderflow/adapters/memory"
	"orderflow/ports"
)

// brittle is a store of tokens that can stop to answer.
type brittle struct {
	ports.TokenStore
	broken atomic.Bool
}

func (b *brittle) Tokens(ctx context.Context) ([]ports.AccessToken, error) {
	if b.broken.Load() {
		return nil, ports.ErrUnavailable
	}
	return b.TokenStore.Tokens(ctx)
}

// following is an exporter that goes on until it is ended.
type following struct{}

func (following) Export(ctx context.Context, _ ports.ExportRequest, sink ports.ExportSink) (ports.ExportReport, error) {
	for {
		if err := sink.Reached("42"); err != nil {
			return ports.ExportReport{}, err
		}
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
			return ports.ExportReport{}, ctx.Err()
		}
	}
}

// An answer that goes on ends when its client may not have the rest: in time, and with the reason.
func TestRecheck_endsAnAnswerThatGoesOn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path   string
		change func(t *testing.T, elsewhere *access.Tokens, here *brittle) // after half a minute
		within time.Duration
		want   string
	}{
		"revoked in another process": {"/v1/stream", revoke, 5 * time.Second, `data: {"reason":"auth","code":"credentials_revoked"`},
		"an export":                  {"/v1/export?follow=true", revoke, 5 * time.Second, `{"problem":{"type":"urn:orderflow:problem:credentials_revoked"`},
		"expired":                    {"/v1/stream", nil, 0, `data: {"reason":"auth","code":"credentials_expired"`},
		"nobody knows": {
			"/v1/stream", func(_ *testing.T, _ *access.Tokens, here *brittle) { here.broken.Store(true) },
			7 * time.Second, `data: {"reason":"auth","code":"auth_unavailable"`,
		},
	} {
		for _, bySession := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", with a session"}[bySession], func(t *testing.T) {
				t.Parallel()
				var header string
				var here *brittle
				var elsewhere *access.Tokens
				serveStreams(t, func() apiConfig {
					config := streaming(always(&script{more: make(chan ports.StreamPage)}))
					config.Exporter = following{}
					here = &brittle{TokenStore: memory.New(memory.Options{})}
					elsewhere = access.NewTokens(here.TokenStore, time.Now)
					sessions, err := access.NewSessions(access.SessionConfig{Life: time.Hour, Now: time.Now})
					if err != nil {
						t.Fatal(err)
					}
					door := &access.Door{Tokens: access.NewTokens(here, time.Now), Sessions: sessions}
					config.Authenticator = door
					text, _, err := elsewhere.CreateToken(context.Background(), ports.TokenRequest{
						Name: "ci", Role: ports.RoleAdmin, Expires: time.Now().Add(time.Minute + time.Second/2),
					})
					if err != nil {
						t.Fatal(err)
					}
					header = "Authorization: Bearer " + text + "\r\n"
					if bySession {
						session, err := door.BeginSession(context.Background(), text)
						if err != nil {
							t.Fatal(err)
						}
						header = "Cookie: orderflow-session=" + session.Text + "\r\n"
					}
					return config
				}, func(t *testing.T, p *pipes, _ func() error) {
					c := p.get(t, test.path, header)
					go func() { // what comes before is as it always was
						<-time.After(30 * time.Second)
						if test.change != nil {
							test.change(t, elsewhere, here)
						}
					}()
					began := time.Now()
					all, err := io.ReadAll(c.body)
					if err != nil {
						t.Error(err)
					}
					from := 30 * time.Second
					if test.change == nil {
						from = time.Minute // a session has whole seconds
					}
					if took := time.Since(began); took < from || took > from+test.within+time.Second {
						t.Errorf("it ended after %s", took)
					}
					if !strings.Contains(string(all), test.want) {
						t.Errorf("it ends with\n%s", all[max(0, len(all)-400):])
					}
					_ = c.Close()
					synctest.Wait()
				})
			})
		}
	}
}

func revoke(t *testing.T, elsewhere *access.Tokens, _ *brittle) {
	t.Helper()
	if err := elsewhere.RevokeToken(context.Background(), "ci"); err != nil {
		t.Error(err)
	}
}

// A stream whose credentials are accepted goes on, whatever they are.
func TestRecheck_letsOthersGoOn(t *testing.T) {
	t.Parallel()
	var more chan ports.StreamPage
	serveStreams(t, func() apiConfig {
		more = make(chan ports.StreamPage)
		config := streaming(always(&script{more: more}))
		config.Authenticator = doorkeeper{}
		return config
	}, func(t *testing.T, p *pipes, _ func() error) {
		c := p.get(t, "/v1/stream", "Authorization: Bearer stream.read\r\n")
		for range 20 {
			c.until(t, ": ping")
		}
		more <- ports.StreamPage{Events: []ports.StreamEvent{streamEvent(1, "a")}, After: "a"}
		c.until(t, "id: a")
		_ = c.Close()
	})
}
