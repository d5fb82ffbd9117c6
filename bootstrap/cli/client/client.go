// Package client is the client of the HTTP API for the command line. It repeats requests that are
// safe to repeat, explains plainly why there is no answer, and waits for consumers.
package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
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

// Client sends requests to a service. It is safe for concurrent use. Set its fields before the
// first use.
type Client struct {
	base string
	http *http.Client
	// Token is sent with each request, unless it is empty.
	Token string
	// Patience bounds how long a request is repeated while the service cannot be reached or answers
	// 503.
	Patience time.Duration
	// Passive says that the service runs no consumers, so that waiting for them is useless.
	Passive bool
	// Stall bounds the wait for consumers that make no progress for no visible reason.
	Stall time.Duration
}

// New returns a client of the service at an address such as http://127.0.0.1:8080.
func New(base string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 256
	return &Client{
		base:     strings.TrimRight(base, "/"),
		http:     &http.Client{Transport: transport},
		Patience: 30 * time.Second,
		Stall:    2 * time.Minute,
	}
}

// Pin makes the client accept the one certificate with a fingerprint, its SHA-256 in hexadecimal
// digits, whatever name it is for.
func (c *Client) Pin(fingerprint string) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 256
	transport.TLSClientConfig = &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(state tls.ConnectionState) error {
			sum := sha256.Sum256(state.PeerCertificates[0].Raw)
			if hex.EncodeToString(sum[:]) != fingerprint {
				return errors.New("the certificate is not that of the service on the data directory")
			}
			return nil
		},
	}
	c.http.Transport = transport
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Problem is the body of an error answer (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Errors []struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	} `json:"errors"`
	// Document is the whole body.
	Document json.RawMessage `json:"-"`
}

// Error implements error.
func (p *Problem) Error() string {
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

// Passing reports whether the reason of a refusal may go away by itself.
func (p *Problem) Passing() bool { return p.Status >= 500 || p.Status == http.StatusTooManyRequests }

// Request is one call.
type Request struct {
	Method, Path string
	// Reason says why an operator acts, for the log of operations.
	Reason string
	// Key is the idempotency key. A request with a key may always be repeated.
	Key string
	// Body is sent as JSON. Nil means no body.
	Body any
	// Patient requests only read. They are repeated like those with a key.
	Patient bool
	// Slow requests have no timeout and are not repeated.
	Slow bool
	// Accept is the media type of the answer. Empty means that any will do.
	Accept string
}

// path returns the path with the reason.
func (r Request) path() string {
	if r.Reason == "" {
		return r.Path
	}
	separator := "?"
	if strings.Contains(r.Path, "?") {
		separator = "&"
	}
	return r.Path + separator + url.Values{"reason": {r.Reason}}.Encode()
}

// Do sends r and decodes the answer into out, unless out is nil. It repeats a request that is safe
// to repeat while the service cannot be reached or answers 503, for at most c.Patience. A refusal
// is a *Problem.
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	if r.Slow {
		return c.Once(ctx, r, out)
	}
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := c.Once(ctx, r, out)
		if err == nil || ctx.Err() == nil && !c.again(r, err) {
			return err
		}
		select {
		case <-ctx.Done():
			if whole.Err() != nil {
				return err
			}
			return fmt.Errorf("%w (%s %s was tried for %s)", err, r.Method, r.Path, c.Patience)
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
	}
}

func (c *Client) again(r Request, err error) bool {
	var refusal *Problem
	if errors.As(err, &refusal) {
		busy := refusal.Status == http.StatusTooManyRequests || refusal.Code == "version_conflict"
		return refusal.Status == http.StatusServiceUnavailable || r.Key != "" && busy
	}
	return (r.Key != "" || r.Patient) && !errors.Is(err, context.Canceled)
}

// Stream sends r once and returns the body of the answer. The caller closes it. A refusal is a
// *Problem.
func (c *Client) Stream(ctx context.Context, r Request) (io.ReadCloser, error) {
	var body io.Reader
	if r.Body != nil {
		text, err := json.Marshal(r.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, c.base+r.path(), body)
	if err != nil {
		return nil, err
	}
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Key != "" {
		req.Header.Set("Idempotency-Key", r.Key)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if r.Accept != "" {
		req.Header.Set("Accept", r.Accept)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.noAnswer(err)
	}
	if resp.StatusCode >= 400 {
		defer resp.Body.Close()
		return nil, c.refusalOf(resp)
	}
	return resp.Body, nil
}

// Once is Do without repetition.
func (c *Client) Once(ctx context.Context, r Request, out any) error {
	body, err := c.Stream(ctx, r)
	if err != nil {
		return err
	}
	defer body.Close()
	answer, err := io.ReadAll(body)
	if err != nil {
		return c.noAnswer(err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("what answers at %s is not orderflow: its answer to %s %s cannot be read (%w)",
			c.base, r.Method, r.Path, err)
	}
	return nil
}

// noAnswerError is the error of a request that got no answer or an incomplete one.
type noAnswerError struct {
	text string
	err  error
}

func (e *noAnswerError) Error() string { return e.text }
func (e *noAnswerError) Unwrap() error { return e.err }

// noAnswer explains plainly why a request got no answer.
func (c *Client) noAnswer(err error) error {
	var host *net.DNSError
	var network net.Error
	text := ""
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		text = fmt.Sprintf("no service answers at %s: connection refused; start 'orderflow serve' there, or correct the address", c.base)
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

// refusalOf reads an error answer. The error is a *Problem, unless the answer cannot be read.
func (c *Client) refusalOf(resp *http.Response) error {
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		return c.noAnswer(err)
	}
	refusal := &Problem{}
	if json.Unmarshal(answer, refusal) != nil || refusal.Status == 0 {
		text := OneLine(string(answer))
		if text == "" {
			text = http.StatusText(resp.StatusCode)
		}
		refusal = &Problem{Status: resp.StatusCode, Detail: text}
	} else {
		refusal.Document = answer
	}
	return refusal
}

// maxRefusal bounds how much of an error answer is read.
const maxRefusal = 1 << 20

// Known adds the names of the existing consumers to the error about an unknown one, unless the
// service has named them. consumer is the requested name.
func (c *Client) Known(ctx context.Context, consumer string, err error) error {
	var refusal *Problem
	if !errors.As(err, &refusal) || refusal.Code != "not_found" {
		return err
	}
	statuses, failed := c.Consumers(ctx)
	if failed != nil || len(statuses) > 0 && strings.Contains(refusal.Detail, statuses[0].Name) {
		return err
	}
	if _, unknown := Find(statuses, consumer); unknown != nil {
		return fmt.Errorf("%w; %w", err, unknown)
	}
	return err
}
