package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
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
		detail := strings.TrimPrefix(e.Field+": "+e.Message, ": ")
		if !strings.Contains(text, detail) && !strings.Contains(text, e.Field+" "+e.Message) {
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
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := c.once(ctx, r, body, out)
		if err == nil || ctx.Err() == nil && !c.again(r, err) {
			return err
		}
		select {
		case <-ctx.Done():
			if whole.Err() != nil {
				return err
			}
			return fmt.Errorf("%w (%s %s was tried for %s)", err, r.method, r.path, c.patience)
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
		return c.noAnswer(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return c.refusalOf(resp)
	}
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return c.noAnswer(err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("what answers at %s is not orderflow: its answer to %s %s cannot be read (%w)", c.base, r.method, r.path, err)
	}
	return nil
}

// noAnswerError is the error of a request that got no answer, or a part of one.
type noAnswerError struct {
	text string
	err  error
}

func (e *noAnswerError) Error() string { return e.text }
func (e *noAnswerError) Unwrap() error { return e.err }

// noAnswer says in plain words why a request got no answer.
func (c *client) noAnswer(err error) error {
	var host *net.DNSError
	var network net.Error
	text := ""
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		text = fmt.Sprintf("no service answers at %s: connection refused", c.base)
	case errors.As(err, &host):
		text = fmt.Sprintf("no service answers at %s: the name %s cannot be resolved (%s)", c.base, host.Name, host.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		text = fmt.Sprintf("the service at %s has broken off the connection: has it been stopped?", c.base)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		text = fmt.Sprintf("the service at %s does not answer in time", c.base)
	default:
		if request := (*url.Error)(nil); errors.As(err, &request) {
			err = request.Err
		}
		text = fmt.Sprintf("the service at %s cannot be reached: %v", c.base, err)
	}
	return &noAnswerError{text, err}
}

// refusalOf reads the answer of a service that did not do what it was asked: a *problem, unless it cannot be read.
func (c *client) refusalOf(resp *http.Response) error {
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		return c.noAnswer(err)
	}
	refusal := &problem{}
	if json.Unmarshal(answer, refusal) != nil || refusal.Status == 0 {
		text := oneLine(string(answer))
		if text == "" {
			text = http.StatusText(resp.StatusCode)
		}
		refusal = &problem{Status: resp.StatusCode, Detail: text}
	}
	return refusal
}

// maxRefusal bounds what is read of an answer that is an error.
const maxRefusal = 1 << 20

// known adds to what the service says about a consumer that there is not, which ones there are. consumer is the one that was asked
// for.
func (c *client) known(ctx context.Context, consumer string, err error) error {
	var refusal *problem
	if !errors.As(err, &refusal) || refusal.Code != "not_found" {
		return err
	}
	if _, unknown := c.consumer(ctx, consumer); errors.Is(unknown, errNoSuch) {
		return fmt.Errorf("%w; %w", err, unknown)
	}
	return err
}
