package query

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/projection"
	"orderflow/ports"
)

// The tables of the write side, with the names and columns that they have in every store.
const (
	eventStore     = "event_store"
	outboxMessages = "outbox_messages"
)

// timeLayout is RFC 3339 with milliseconds, which is the precision of every store.
const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// TablesConfig is what [Tables] needs. All fields are required.
type TablesConfig struct {
	Records ports.RecordLister
	// Store returns the head of the aggregate in whose history a page of event_store ends.
	Store       ports.EventStore
	Views       ports.ViewReader
	Live        ports.LiveViews
	Projections []*projection.Projection
}

// Tables implements ports.Tables.
type Tables struct {
	config TablesConfig
	byName map[string]*projection.Projection
}

var _ ports.Tables = (*Tables)(nil)

// NewTables returns a Tables.
func NewTables(config TablesConfig) *Tables {
	t := &Tables{config: config, byName: make(map[string]*projection.Projection)}
	for _, p := range config.Projections {
		t.byName[p.Table.Name] = p
	}
	return t
}

// Names returns the names of the tables. The tables of the projections come in the order in which
// they were given.
func (t *Tables) Names() []string {
	names := []string{eventStore, outboxMessages}
	for _, p := range t.config.Projections {
		names = append(names, p.Table.Name)
	}
	return names
}

// Table returns a page of a table as text, see ports.Tables.
func (t *Tables) Table(ctx context.Context, name string, after ports.Cursor, limit int) (ports.TablePage, error) {
	page, err := t.table(ctx, name, after, bounded(limit))
	if err != nil {
		return ports.TablePage{}, fmt.Errorf("table %s: %w", name, err)
	}
	return page, nil
}

func (t *Tables) table(ctx context.Context, name string, after ports.Cursor, limit int) (ports.TablePage, error) {
	switch name {
	case eventStore:
		return t.events(ctx, after, limit)
	case outboxMessages:
		return t.outbox(ctx, after, limit)
	}
	p, ok := t.byName[name]
	if !ok {
		return ports.TablePage{}, ports.ErrNotFound
	}
	return t.view(ctx, p, after, limit)
}

func (t *Tables) events(ctx context.Context, after ports.Cursor, limit int) (ports.TablePage, error) {
	listed, err := t.config.Records.ListEvents(ctx, after, limit)
	if err != nil {
		return ports.TablePage{}, err
	}
	heads, err := t.heads(ctx, listed)
	if err != nil {
		return ports.TablePage{}, err
	}
	page := ports.TablePage{Next: listed.Next, Columns: []string{
		"aggregate_id", "sequence_number", "head", "aggregate_type", "event_id", "event_type", "event_version", "payload",
		"command_id", "correlation_id", "causation_id", "metadata", "created_at",
	}}
	for _, r := range listed.Records {
		row := []string{r.AggregateID.String(), decimal(r.SequenceNumber), decimal(heads[r.AggregateID])}
		page.Rows = append(page.Rows, append(row, content(r)...))
	}
	return page, nil
}

// heads returns the head of every aggregate on a page of events. The listing goes aggregate by
// aggregate, so the last record of each is its head. Only the history of the last aggregate may
// continue after the page.
func (t *Tables) heads(ctx context.Context, page ports.RecordPage) (map[uuid.UUID]uint64, error) {
	heads := make(map[uuid.UUID]uint64)
	for _, r := range page.Records {
		heads[r.AggregateID] = max(heads[r.AggregateID], r.SequenceNumber)
	}
	if page.Next == "" || len(page.Records) == 0 {
		return heads, nil
	}
	last := page.Records[len(page.Records)-1]
	rest, err := t.config.Store.Load(ctx, last.AggregateID, last.SequenceNumber)
	if err != nil {
		return nil, fmt.Errorf("head of %s: %w", last.AggregateID, err)
	}
	heads[last.AggregateID] += uint64(len(rest))
	return heads, nil
}

func (t *Tables) outbox(ctx context.Context, after ports.Cursor, limit int) (ports.TablePage, error) {
	listed, err := t.config.Records.ListOutbox(ctx, after, limit)
	if err != nil {
		return ports.TablePage{}, err
	}
	page := ports.TablePage{Next: listed.Next, Columns: []string{
		"aggregate_id", "sequence_number", "id", "aggregate_type", "event_id", "event_type", "event_version", "payload",
		"command_id", "correlation_id", "causation_id", "metadata", "created_at",
	}}
	for _, r := range listed.Records {
		row := []string{r.AggregateID.String(), decimal(r.SequenceNumber), r.EventID.String()}
		page.Rows = append(page.Rows, append(row, content(r)...))
	}
	return page, nil
}

// content renders the last columns, which both tables of records have.
func content(r eventsourcing.Record) []string {
	metadata := "{}"
	if len(r.Metadata) > 0 {
		encoded, _ := json.Marshal(r.Metadata) // a map of strings always marshals, with sorted keys
		metadata = string(encoded)
	}
	return []string{
		r.AggregateType, r.EventID.String(), r.EventType, strconv.Itoa(r.EventVersion), string(r.Payload),
		r.CommandID.String(), r.CorrelationID.String(), r.CausationID.String(), metadata,
		r.CreatedAt.UTC().Format(timeLayout),
	}
}

func (t *Tables) view(
	ctx context.Context, p *projection.Projection, after ports.Cursor, limit int,
) (ports.TablePage, error) {
	view := t.config.Live.LiveView(p.Name)
	listed, err := t.config.Views.Rows(ctx, ports.RowQuery{
		View: view, Table: p.TableOf(t.config.Live.VersionOf(view)), After: after, Limit: limit,
	})
	if err != nil {
		return ports.TablePage{}, err
	}
	page := ports.TablePage{Next: listed.Next}
	for _, c := range p.Table.Columns {
		page.Columns = append(page.Columns, c.Name)
	}
	for _, row := range listed.Rows {
		if err := p.Table.CheckRow(row); err != nil {
			return ports.TablePage{}, fmt.Errorf("%w: %w", ports.ErrCorrupt, err)
		}
		text := make([]string, len(row))
		for i, value := range row {
			text[i] = render(value)
		}
		page.Rows = append(page.Rows, text)
	}
	return page, nil
}

// render returns the value of a column as text. The zero time is null and becomes an empty text.
func render(value any) string {
	switch v := value.(type) {
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.Format(timeLayout)
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		if v == eventsourcing.Erased {
			return "(erased)"
		}
		return v
	default:
		return fmt.Sprint(v)
	}
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
