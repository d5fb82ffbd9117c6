package client

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// Frame is one line of a live stream.
type Frame struct {
	// Event is what the line is: event, caught-up, reset, end, ping or place.
	Event string `json:"event"`
	// ID is the id to resume after.
	ID   string          `json:"id"`
	Data json.RawMessage `json:"data"`
}

// Follower follows a live stream over any number of connections.
type Follower struct {
	Client *Client
	// Path is the path of the stream, and Query the filters. After is the id to continue after.
	Path  string
	Query url.Values
	After string
	// Lost is called before each pause, with the reason. It may be nil.
	Lost func(err error, pause time.Duration)
	// Pause is the pause before the first attempt to connect again. 0 means half a second.
	Pause time.Duration
}

const (
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
	// silence is how long a connection may be silent. The service sends a line every 15 seconds.
	silence = 45 * time.Second
	// maxLine bounds a line. An event has at most 8 MiB.
	maxLine = 16 << 20
)

// errEnded says that the service has ended the stream.
var errEnded = errors.New("the service has ended the stream")

// Run calls take for each frame until ctx ends, and then returns nil. It connects again whenever
// the connection is lost, and continues after the last id. Errors: those of take, and a refusal of
// the service that does not go away.
func (f *Follower) Run(ctx context.Context, take func(Frame) error) error {
	first := cmp.Or(f.Pause, firstPause)
	for pause := first; ; pause = min(2*pause, longestPause) {
		took := false
		err := f.once(ctx, func(frame Frame) error {
			took = true
			return take(frame)
		})
		var taken *takeError
		var refusal *Problem
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &taken):
			return taken.err
		case errors.As(err, &refusal) && !refusal.Passing():
			return err
		case took:
			pause = first
		}
		wait := pause/2 + rand.N(pause/2)
		if f.Lost != nil {
			f.Lost(err, wait)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// takeError is an error of the caller's function.
type takeError struct{ err error }

func (e *takeError) Error() string { return e.err.Error() }

// once follows over one connection.
func (f *Follower) once(ctx context.Context, take func(Frame) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing has come for %s", silence)) })
	defer silent.Stop()
	query := url.Values{}
	for name, values := range f.Query {
		query[name] = values
	}
	if f.After != "" {
		query.Set("last_event_id", f.After)
		query.Del("from")
	}
	body, err := f.Client.Stream(ctx, Request{
		Method: http.MethodGet, Path: f.Path + "?" + query.Encode(), Accept: "application/x-ndjson",
	})
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	for lines.Scan() {
		silent.Reset(silence)
		var frame Frame
		if err := json.Unmarshal(lines.Bytes(), &frame); err != nil {
			return fmt.Errorf("what answers at %s is not orderflow: a line of its stream cannot be read (%w)", f.Client.base, err)
		}
		if err := take(frame); err != nil {
			return &takeError{err}
		}
		if frame.ID != "" {
			f.After = frame.ID
		}
		if frame.Event == "end" {
			return errEnded
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if err := lines.Err(); err != nil {
		return f.Client.noAnswer(err)
	}
	return f.Client.noAnswer(io.ErrUnexpectedEOF)
}
