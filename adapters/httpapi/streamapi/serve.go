package streamapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

const (
	// pingEvery is how long nothing may be sent.
	pingEvery = 15 * time.Second
	// chunk is how much is written at a time, about.
	chunk = 64 << 10
)

// serve opens a stream, and writes it until it ends.
func (r *routes) serve(
	c *endpoint.Call, open func(*endpoint.Call, string) (ports.EventStream, error),
) (endpoint.Reply, error) {
	leave, ok := r.limits.enter(c.ClientAddress())
	if !ok {
		r.refused.Inc()
		return endpoint.Reply{}, endpoint.NewProblem(http.StatusServiceUnavailable, codeTooMany,
			"there are too many open streams, of this client or of all; try again later")
	}
	defer leave()
	id := after(c)
	stream, err := open(c, id)
	r.resume(id, err)
	if errors.Is(err, ports.ErrBadCursor) {
		return endpoint.Reply{}, endpoint.Invalid(endpoint.CodeBadCursor,
			endpoint.FieldError{Field: paramAfter, Message: mustBeResumed})
	}
	if err != nil {
		return endpoint.Reply{}, err
	}
	defer func() { _ = stream.Close() }() // a stream that only reads has nothing to lose
	r.open.Inc()
	defer r.open.Dec()
	format, media := formatOf(c.Header().Get(headerAccept))
	w := &writer{out: c.Stream(media), format: format, render: r.Render, figures: &r.figures, sentID: id}
	if !c.HeadOnly() {
		w.run(c.Context(), stream)
	}
	return w.out.End(), nil
}

// writer writes one stream.
type writer struct {
	out     *endpoint.Stream
	format  format
	render  renderFunc
	figures *figures

	buffer []byte
	// sentID is the last id that the client has got, or had. place is the id to resume after.
	sentID, place string
}

// run writes until the stream, the client or the server ends.
func (w *writer) run(ctx context.Context, stream ports.EventStream) {
	w.buffer = w.format.retry(w.buffer, retryAfter)
	if !w.flush() {
		return
	}
	for {
		page, err := w.next(ctx, stream)
		switch {
		case w.out.Stopping():
			w.buffer = w.format.retry(w.buffer, spread())
			w.end(endDocument{Reason: endShutdown})
			return
		case ctx.Err() != nil:
			if p := w.out.Expelled(); p != nil {
				w.end(endDocument{Reason: endAuth, Code: p.Code, Detail: p.Detail})
			}
			return // otherwise the client has left
		case errors.Is(err, context.DeadlineExceeded):
			w.progress()
			w.buffer = w.format.ping(w.buffer)
		case err != nil:
			if p := w.out.Problem(err); p != nil {
				w.end(endDocument{Reason: endError, Code: p.Code, Detail: p.Detail})
			}
			return
		case !w.write(page):
			return
		}
		if !w.flush() {
			return
		}
	}
}

// next returns the next page. It gives up after a while, with context.DeadlineExceeded.
func (w *writer) next(ctx context.Context, stream ports.EventStream) (ports.StreamPage, error) {
	ctx, cancel := context.WithTimeout(ctx, pingEvery)
	defer cancel()
	return stream.Next(ctx)
}

// write writes the frames of a page. It returns false when the stream must end.
func (w *writer) write(page ports.StreamPage) bool {
	if page.Reset != nil {
		w.figures.resets.Inc()
		w.control(frameReset, resetOf(*page.Reset))
	}
	for _, e := range page.Events {
		data, err := w.render(e.Record)
		if err != nil {
			_ = w.out.Problem(err) // it is logged
			w.end(endDocument{Reason: endError, Code: endpoint.CodeInternal, Detail: "an event cannot be shown"})
			return false
		}
		w.buffer = w.format.frame(w.buffer, frameEvent, e.ID, data)
		w.sentID = e.ID
		if len(w.buffer) >= chunk && !w.flush() {
			return false
		}
	}
	w.figures.sent.Add(float64(len(page.Events)))
	w.place = page.After
	if page.CaughtUp {
		w.control(frameCaughtUp, caughtUpDocument{ID: page.After})
		w.progress()
	}
	return true
}

// control adds a control frame.
func (w *writer) control(name string, document any) {
	w.buffer = w.format.frame(w.buffer, name, "", encode(document))
}

// end sends the last frame.
func (w *writer) end(document endDocument) {
	w.control(frameEnd, document)
	w.flush()
}

// progress sends the id to resume after, unless the client has it.
func (w *writer) progress() {
	if w.place != "" && w.place != w.sentID {
		w.buffer = w.format.place(w.buffer, w.place)
		w.sentID = w.place
	}
}

// flush sends what is written. It returns false when the client takes nothing any more.
func (w *writer) flush() bool {
	if len(w.buffer) == 0 {
		return true
	}
	err := w.out.Write(w.buffer)
	w.buffer = w.buffer[:0]
	if errors.Is(err, endpoint.ErrSlowClient) {
		w.figures.slow.Inc()
	}
	return err == nil
}
