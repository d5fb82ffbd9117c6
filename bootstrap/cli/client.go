package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// client talks to a running service.
type client struct {
	base string
	http *http.Client
	// patience bounds how long a request is repeated while the service cannot be reached or asks to try again.
	patience time.Duration
	// passive says that the service runs no consumers: waiting for them does not help.
	passive bool
	// stall bounds the wait for consumers that do not get on, although nothing tells why.
	stall time.Duration
}

func newClient(base string) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 256
	return &client{
		base:     strings.TrimRight(base, "/"),
		http:     &http.Client{Transport: transport},
		patience: 30 * time.Second,
		stall:    2 * time.Minute,
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// problem is the body of an error answer (RFC 9457).
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Errors []struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"errors"`
}

func (p *problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	for _, e := range p.Errors {
		if detail := strings.TrimPrefix(e.Field+": "+e.Message, ": "); !strings.Contains(text, detail) {
			text += "; " + detail
		}
	}
	if p.Code != "" {
		return p.Code + ": " + text
	}
	return fmt.Sprintf("%d: %s", p.Status, text)
}

// request is one call.
type request struct {
	method, path string
	// key is the idempotency key; a request with one is safe to repeat whatever became of it.
	key  string
	body any
	// patient has a request repeated like one with a key: it only reads.
	patient bool
	// slow requests take as long as they take, and are not repeated.
	slow bool
}

// do sends r and decodes the answer into out, unless that is nil. It repeats a request that is safe to repeat while the
// service is not reachable or answers 503, for at most c.patience. A refusal is a *problem.
func (c *client) do(ctx context.Context, r request, out any) error {
	body, err := json.Marshal(r.body)
	if err != nil {
		return err
	}
	if r.slow {
		return c.once(ctx, r, body, out)
	}
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := c.once(ctx, r, body, out)
		if err == nil || !c.again(r, err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %s: %w", r.method, c.base+r.path, err)
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
	}
}

func (c *client) again(r request, err error) bool {
	var refusal *problem
	if errors.As(err, &refusal) {
		busy := refusal.Status == http.StatusTooManyRequests || refusal.Code == "version_conflict"
		return refusal.Status == http.StatusServiceUnavailable || r.key != "" && busy
	}
	return (r.key != "" || r.patient) && !errors.Is(err, context.Canceled)
}

func (c *client) once(ctx context.Context, r request, body []byte, out any) error {
	var reader io.Reader
	if r.body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, reader)
	if err != nil {
		return err
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return refusalOf(resp)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("answer of %s %s: %w", r.method, r.path, err)
	}
	return nil
}

// refusalOf reads the answer of a service that did not do what it was asked: a *problem, unless it cannot be read.
func refusalOf(resp *http.Response) error {
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	refusal := &problem{}
	if json.Unmarshal(answer, refusal) != nil || refusal.Status == 0 {
		refusal = &problem{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode), Detail: string(answer)}
	}
	return refusal
}
