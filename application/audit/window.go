package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	windowMessages = 512
	windowBytes    = 4 << 20
)

// window collects messages of one partition, so that the history of an aggregate is read once for
// several messages.
type window struct {
	*pass
	// at is the offset after the last message that was added.
	at       int64
	messages []ports.TopicMessage
	bytes    int
	skipped  uint64
}

// add takes a message. When the window is full, it compares the window.
func (w *window) add(ctx context.Context, m ports.TopicMessage) error {
	if !w.concerns(m) {
		w.skipped++
	} else {
		w.messages = append(w.messages, m)
		w.bytes += len(m.Record.Payload)
	}
	w.at = m.Offset + 1
	if len(w.messages) < windowMessages && w.bytes < windowBytes && w.skipped < windowMessages {
		return nil
	}
	return w.flush(ctx)
}

// concerns reports whether this pass must compare m.
func (w *window) concerns(m ports.TopicMessage) bool {
	if w.first {
		return true
	}
	_, own := w.ledger.find(m.Record.AggregateID)
	return m.Err == nil && own
}

// flush compares the messages in the window and empties it.
func (w *window) flush(ctx context.Context) error {
	histories, err := w.histories(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.messages {
		if wrong := histories.compare(m, w.Compared); wrong != "" {
			if w.first {
				w.found(finding(ports.TopicUnknown, m, wrong), 1)
			}
			continue
		}
		if err := w.enter(m); err != nil {
			return err
		}
	}
	if w.first {
		w.report.Messages += uint64(len(w.messages))
	}
	if w.read += uint64(len(w.messages)) + w.skipped; w.options.Progress != nil {
		w.options.Progress(w.read, w.total)
	}
	w.messages, w.bytes, w.skipped = w.messages[:0], 0, 0
	return nil
}

// enter notes a message that is an event of the store in the ledger.
func (w *window) enter(m ports.TopicMessage) error {
	index, own := w.ledger.find(m.Record.AggregateID)
	if !own { // of another pass, or created during the comparison
		return nil
	}
	e, err := w.ledger.enter(index, m.Record.SequenceNumber, m.Partition)
	if err != nil {
		return err
	}
	if e.again {
		w.report.Doubled++
	}
	if e.successorFirst {
		w.found(finding(ports.TopicOutOfOrder, m, fmt.Sprintf("event %d came before this one",
			m.Record.SequenceNumber+1)), 1)
	}
	if e.scattered {
		w.found(finding(ports.TopicScattered, m, fmt.Sprintf("the order's first message is in partition %d",
			w.ledger.accounts[index].partition)), 1)
	}
	return nil
}

func finding(kind ports.TopicFault, m ports.TopicMessage, detail string) ports.TopicFinding {
	return ports.TopicFinding{
		Kind: kind, AggregateID: m.Record.AggregateID, AggregateType: m.Record.AggregateType,
		SequenceNumber: m.Record.SequenceNumber,
		Detail:         fmt.Sprintf("partition %d, offset %d: %s", m.Partition, m.Offset, detail),
	}
}

// histories holds the part of each aggregate's history that the messages of a window are compared
// with.
type histories map[uuid.UUID]*history

type history struct {
	after   uint64 // events up to this one were not read
	records []eventsourcing.Record
	// err says that the stored bytes cannot be read.
	err error
}

// histories reads what the window needs.
func (w *window) histories(ctx context.Context) (histories, error) {
	needed := make(histories)
	for _, m := range w.messages {
		if m.Err != nil || m.Record.SequenceNumber == 0 {
			continue
		}
		after := m.Record.SequenceNumber - 1
		if h := needed[m.Record.AggregateID]; h == nil {
			needed[m.Record.AggregateID] = &history{after: after}
		} else {
			h.after = min(h.after, after)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(w.Loads)
	for id, h := range needed {
		group.Go(func() (err error) {
			if h.records, err = w.Store.Load(ctx, id, h.after); errors.Is(err, ports.ErrCorrupt) {
				h.err, err = err, nil
			}
			if err != nil {
				return fmt.Errorf("load %s: %w", id, err)
			}
			return nil
		})
	}
	return needed, group.Wait()
}

// compare says why m is not an event of the store. It returns "" when it is one.
func (h histories) compare(m ports.TopicMessage, compared func(eventsourcing.Record) []byte) string {
	if m.Err != nil {
		return m.Err.Error()
	}
	r := m.Record
	if m.Key != r.AggregateID.String() {
		return fmt.Sprintf("its key is %q", m.Key)
	}
	stored := h[r.AggregateID]
	switch {
	case r.SequenceNumber == 0:
		return "the store has no such event"
	case stored.err != nil:
		return fmt.Sprintf("cannot be compared: %s", stored.err)
	case r.SequenceNumber-stored.after > uint64(len(stored.records)):
		return "the store has no such event"
	}
	if fields := differing(r, stored.records[r.SequenceNumber-stored.after-1], compared); len(fields) > 0 {
		return "differs from the stored event in " + strings.Join(fields, ", ")
	}
	return ""
}

// differing names the fields in which a message differs from the stored event. Metadata is not
// compared: it stays in the store.
func differing(got, want eventsourcing.Record, compared func(eventsourcing.Record) []byte) (fields []string) {
	if compared != nil {
		got.Payload, want.Payload = compared(got), compared(want)
	}
	for _, field := range []struct {
		name string
		same bool
	}{
		{"sequence number", got.SequenceNumber == want.SequenceNumber},
		{"event id", got.EventID == want.EventID},
		{"aggregate type", got.AggregateType == want.AggregateType},
		{"event type", got.EventType == want.EventType},
		{"event version", got.EventVersion == want.EventVersion},
		{"payload", bytes.Equal(got.Payload, want.Payload)},
		{"time", got.CreatedAt.Equal(want.CreatedAt)},
		{"command id", got.CommandID == want.CommandID},
		{"correlation id", got.CorrelationID == want.CorrelationID},
		{"causation id", got.CausationID == want.CausationID},
	} {
		if !field.same {
			fields = append(fields, field.name)
		}
	}
	return fields
}
