package cluster

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

const (
	// CommitAttempts is how often a conditional write is sent.
	CommitAttempts = 3
	// LookAttempts is how often the outcome is read after each of them. That is long enough for a
	// lost connection to come back.
	LookAttempts = 5
	firstPause   = 50 * time.Millisecond
)

// Client makes requests to a cluster. All methods are safe for concurrent use.
type Client struct {
	// Config is complete.
	Config  Config
	Session *gocql.Session

	gate portkit.Gate
	// skew is how far the clock of this process is behind those of the servers, in nanoseconds.
	skew atomic.Int64
}

// Open connects to the keyspace of c, which is complete.
func Open(ctx context.Context, c Config) (*Client, error) {
	session, err := Connect(ctx, c, c.Keyspace)
	if err != nil {
		return nil, err
	}
	client := &Client{Config: c, Session: session}
	if _, err := client.AskTime(ctx); err != nil {
		session.Close()
		return nil, fmt.Errorf("ask for the time: %w", err)
	}
	return client, nil
}

// Drain lets no more calls enter and waits for those that have entered.
func (c *Client) Drain() { c.gate.Drain() }

// Close ends the session. The caller has called Drain.
func (c *Client) Close() { c.Session.Close() }

// Leave ends a call that Enter began.
func (c *Client) Leave() { c.gate.Leave() }

// Enter begins a call; the caller must call Leave when the error is nil.
func (c *Client) Enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !c.gate.Enter() {
		return ports.ErrClosed
	}
	return nil
}

// Query prepares a read, which may be sent twice.
func (c *Client) Query(ctx context.Context, cql string, args ...any) *gocql.Query {
	return c.Session.Query(cql, args...).WithContext(ctx).Idempotent(true)
}

// Exec makes a plain write.
func (c *Client) Exec(ctx context.Context, cql string, args ...any) error {
	return Translate(ctx, c.Session.Query(cql, args...).WithContext(ctx).Exec(), PlainWrite)
}

// Conditional sends a conditional statement once. It returns what the server found: the previous
// values of the columns that the condition names.
func (c *Client) Conditional(ctx context.Context, cql string, args ...any) (applied bool, found map[string]any, err error) {
	found = map[string]any{}
	q := c.Session.Query(cql, args...).WithContext(ctx).RetryPolicy(ConditionalPolicy{RetryPolicy{requestAttempts}})
	applied, err = q.MapScanCAS(found)
	return applied && err == nil, found, err
}

// ConditionalBatch returns an empty batch whose first statement will have a condition.
func (c *Client) ConditionalBatch(ctx context.Context) *gocql.Batch {
	return c.Session.Batch(gocql.UnloggedBatch).WithContext(ctx).RetryPolicy(ConditionalPolicy{RetryPolicy{requestAttempts}})
}

// ExecConditional does what Conditional does, for a batch whose first statement has the condition.
func (c *Client) ExecConditional(batch *gocql.Batch) (applied bool, found map[string]any, err error) {
	found = map[string]any{}
	applied, iter, err := c.Session.MapExecuteBatchCAS(batch, found)
	if iter != nil {
		if closing := iter.Close(); err == nil { // the other rows say the same
			err = closing
		}
	}
	return applied && err == nil, found, err
}

// Insist calls f until it succeeds, a few times and with growing pauses.
func (c *Client) Insist(ctx context.Context, attempts int, f func() error) error {
	pause := firstPause
	for {
		err := f()
		if attempts--; err == nil || attempts == 0 || Refused(err) || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		pause *= 2
	}
}
