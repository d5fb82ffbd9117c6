package streams_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// follower is a client that is killed again and again, and resumes after the last id that it has.
type follower struct {
	truth *truth
	http  *http.Client
	// bases are the addresses of the processes of the service. base is the one that it talks to.
	// Now and then it goes to another one.
	bases []string
	base  int
	// order is the only order that it follows, or -1.
	order int
	r     *rand.Rand

	// last is the id to resume after. seen is the last sequence number of each order.
	last string
	seen []uint64
	// figures are about all of its connections.
	figures figures
}

// figures count what happened to followers.
type figures struct{ connections, events, doubles, caughtUp, refused, ends int }

func (f *figures) add(g figures) {
	f.connections += g.connections
	f.events += g.events
	f.doubles += g.doubles
	f.caughtUp += g.caughtUp
	f.refused += g.refused
	f.ends += g.ends
}

// follow goes on until the client has every event of its orders.
func (f *follower) follow(ctx context.Context) error {
	for !f.complete() {
		if err := f.connect(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("gave up: %w", context.Cause(ctx))
		case <-time.After(time.Duration(f.r.IntN(20)) * time.Millisecond):
		}
	}
	return nil
}

// complete reports whether the client has all that was written, once the writers have finished.
func (f *follower) complete() bool {
	heads := f.truth.final()
	for order := range heads {
		if (f.order < 0 || f.order == order) && f.seen[order] < heads[order] {
			return false
		}
	}
	return heads != nil
}

// connect follows over one connection, which ends at a random moment. An error is a broken promise.
func (f *follower) connect(ctx context.Context) error {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	path := "/v1/stream?from=earliest"
	if f.order >= 0 {
		path = "/v1/orders/" + f.truth.ids[f.order].String() + "/stream?"
	}
	if f.r.IntN(10) == 0 {
		f.base = f.r.IntN(len(f.bases))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.bases[f.base]+path, nil)
	if err != nil {
		return err
	}
	if f.last != "" {
		if f.r.IntN(2) == 0 {
			request.Header.Set("Last-Event-ID", f.last)
		} else {
			request.URL.RawQuery = url.Values{"last_event_id": {f.last}}.Encode()
		}
	}
	acknowledged := f.truth.acknowledged()
	answer, err := f.http.Do(request)
	if err != nil {
		f.figures.refused++
		return nil // the service is being restarted
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		f.figures.refused++
		if answer.StatusCode == http.StatusServiceUnavailable || answer.StatusCode == http.StatusNotFound && f.last == "" {
			return nil // it is stopping, or the order does not exist yet
		}
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return fmt.Errorf("status %d after %q: %s", answer.StatusCode, f.last, text)
	}
	f.figures.connections++
	left := 1 + f.r.IntN(f.truth.life) // so many events until it is killed
	if f.figures.connections == 1 {
		left = 1 + f.r.IntN(5) // so that every client resumes
	}
	silent := time.AfterFunc(time.Duration(100+f.r.IntN(1500))*time.Millisecond, kill)
	defer silent.Stop()
	return f.read(bufio.NewReaderSize(answer.Body, 64<<10), left, acknowledged)
}

// read reads frames. acknowledged is how many events were acknowledged before the request.
func (f *follower) read(body *bufio.Reader, left, acknowledged int) error {
	event, id, caughtUp := "", "", false
	var data []byte
	began := map[int]bool{} // orders of which this connection had an event
	for left > 0 {
		line, err := body.ReadSlice('\n')
		if err != nil {
			return nil // killed, or the service has stopped
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "event":
			event = string(value)
		case "id":
			id = string(value)
		case "data":
			data = append(data[:0], value...)
		case "": // the end of a frame
			if err := f.frame(event, id, data, began, &caughtUp, acknowledged); err != nil {
				return err
			}
			if event == "event" {
				left--
			}
			if id != "" {
				f.last = id
			}
			event, id = "", ""
		}
	}
	return nil
}

// frame checks a frame. One without an event is a comment, or an id alone.
func (f *follower) frame(event, id string, data []byte, began map[int]bool, caughtUp *bool, acknowledged int) error {
	switch {
	case event == "event":
		return f.take(data, id, began, *caughtUp, acknowledged)
	case event != "" && id != "":
		return fmt.Errorf("the control frame %s has the id %s", event, id)
	case event == "caught-up" && *caughtUp:
		return fmt.Errorf("caught up twice on one connection")
	case event == "caught-up":
		*caughtUp = true
		f.figures.caughtUp++
	case event == "end":
		f.figures.ends++
	case event != "":
		return fmt.Errorf("frame %s: %s", event, data)
	}
	return nil
}

// take checks an event.
func (f *follower) take(data []byte, id string, began map[int]bool, caughtUp bool, acknowledged int) error {
	f.figures.events++
	sequence, err := strconv.ParseUint(string(between(data, `"sequence":"`)), 10, 64)
	if err != nil {
		return fmt.Errorf("event without a sequence number: %s", data)
	}
	order, known := f.truth.numbers[string(between(data, `"subject":"`))]
	switch {
	case !known:
		return fmt.Errorf("event of an unknown order: %s", data)
	case f.order >= 0 && (order != f.order || id != strconv.FormatUint(sequence, 10)):
		return fmt.Errorf("event %d of order %d with the id %s in the stream of order %d", sequence, order, id, f.order)
	case sequence > f.seen[order]+1:
		return fmt.Errorf("a gap: event %d of order %d after %d, after %q", sequence, order, f.seen[order], f.last)
	case sequence <= f.seen[order] && (f.order >= 0 || began[order]):
		return fmt.Errorf("event %d of order %d again, after %d", sequence, order, f.seen[order])
	case sequence <= f.seen[order]:
		f.figures.doubles++
	default:
		f.seen[order] = sequence
	}
	began[order] = began[order] || sequence == f.seen[order]
	if at := f.truth.acknowledgedAt(order, sequence); caughtUp && at > 0 && at <= acknowledged {
		return fmt.Errorf("event %d of order %d came after caught-up, but it was acknowledged before the request", sequence, order)
	}
	return nil
}

// between returns what follows a text, up to a quote.
func between(data []byte, text string) []byte {
	_, rest, _ := bytes.Cut(data, []byte(text))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return value
}
