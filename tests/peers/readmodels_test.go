package peers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/domain/projection"
)

// statement is SQL with its arguments.
type statement struct {
	sql  string
	args []any
}

// readModel keeps the rows of one of Orderflow's projections in a table of PostgreSQL, and its
// states in another one.
type readModel struct {
	*projection.Projection
	put, remove        string
	getState, setState string
}

func newReadModel(p *projection.Projection) *readModel {
	t := p.Table
	var names, places, sets, keys []string
	for i, c := range t.Columns {
		names, places = append(names, c.Name), append(places, fmt.Sprintf("$%d", i+1))
		if i < t.KeyLen() {
			keys = append(keys, fmt.Sprintf("%s = $%d", c.Name, i+1))
		} else {
			sets = append(sets, c.Name+" = excluded."+c.Name)
		}
	}
	return &readModel{
		Projection: p,
		put: fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%s) DO UPDATE SET %s",
			t.Name, strings.Join(names, ", "), strings.Join(places, ", "), strings.Join(names[:t.KeyLen()], ", "), strings.Join(sets, ", ")),
		remove:   fmt.Sprintf("DELETE FROM %s WHERE %s", t.Name, strings.Join(keys, " AND ")),
		getState: fmt.Sprintf("SELECT sequence_number, state FROM %s_states WHERE aggregate_id = $1", t.Name),
		setState: fmt.Sprintf("INSERT INTO %s_states (aggregate_id, sequence_number, state) VALUES ($1, $2, $3) "+
			"ON CONFLICT (aggregate_id) DO UPDATE SET sequence_number = excluded.sequence_number, state = excluded.state", t.Name),
	}
}

// tables returns the statements that create the tables.
func (m *readModel) tables() []string {
	types := map[projection.Kind]string{
		projection.Text: "text", projection.BigInt: "bigint", projection.Timestamp: "timestamptz", projection.UUID: "uuid",
	}
	var columns, keys []string
	for i, c := range m.Table.Columns {
		columns = append(columns, c.Name+" "+types[c.Kind])
		if i < m.Table.KeyLen() {
			keys = append(keys, c.Name)
		}
	}
	return []string{
		fmt.Sprintf("CREATE TABLE %s (%s, PRIMARY KEY (%s))", m.Table.Name, strings.Join(columns, ", "), strings.Join(keys, ", ")),
		fmt.Sprintf("CREATE TABLE %s_states (aggregate_id uuid PRIMARY KEY, sequence_number bigint NOT NULL, state bytea NOT NULL)", m.Table.Name),
	}
}

// viewState is how far a read model is with an order.
type viewState struct {
	sequence uint64
	data     []byte
}

// step returns the statements that apply an event, and the state behind it.
func (m *readModel) step(state viewState, event projection.Event) ([]statement, viewState, error) {
	step, err := m.Advance(state.data, []projection.Event{event})
	if err != nil {
		return nil, state, err
	}
	statements := make([]statement, 0, len(step.Put)+len(step.Delete)+1)
	for _, row := range step.Delete {
		statements = append(statements, statement{m.remove, m.Table.Key(row)})
	}
	for _, row := range step.Put {
		statements = append(statements, statement{m.put, row})
	}
	next := viewState{event.SequenceNumber, step.State}
	return append(statements, statement{m.setState, []any{event.AggregateID, next.sequence, next.data}}), next, nil
}

// check compares every row of a table with the fold of all events.
func (m *readModel) check(ctx context.Context, tb testing.TB, pool *pgxpool.Pool) {
	tb.Helper()
	want, err := m.fold(ctx, pool)
	if err != nil {
		tb.Fatal(err)
	}
	rows, err := pool.Query(ctx, "SELECT * FROM "+m.Table.Name)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	wrong := 0
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			tb.Fatal(err)
		}
		key := rowText(values)
		if !want[key] {
			wrong++
		}
		delete(want, key)
	}
	if err := rows.Err(); err != nil || wrong > 0 || len(want) > 0 {
		tb.Errorf("%s: %d rows are wrong and %d are missing, %v", m.Name, wrong, len(want), err)
	}
}

// fold returns the rows that the events give.
func (m *readModel) fold(ctx context.Context, pool *pgxpool.Pool) (map[string]bool, error) {
	rows, err := pool.Query(ctx, "SELECT "+columns+" FROM events ORDER BY aggregate_id, sequence_number")
	if err != nil {
		return nil, err
	}
	records, err := pgx.CollectRows(rows, scanRecord)
	if err != nil {
		return nil, err
	}
	codec, want := orderjson.NewMux(), map[string]bool{}
	for len(records) > 0 {
		var history []projection.Event
		id := records[0].AggregateID
		for len(records) > 0 && records[0].AggregateID == id {
			event, err := codec.Decode(records[0])
			if err != nil {
				return nil, err
			}
			history, records = append(history, event), records[1:]
		}
		step, err := m.Advance(nil, history)
		if err != nil {
			return nil, err
		}
		for _, row := range step.Put {
			want[rowText(row)] = true
		}
	}
	return want, nil
}

// rowText renders a row so that rows of pgx and of a projection can be compared.
func rowText(row []any) string {
	values := slices.Clone(row)
	for i, v := range values {
		switch v := v.(type) {
		case [16]byte:
			values[i] = uuid.UUID(v)
		case time.Time:
			values[i] = v.UTC()
		}
	}
	return fmt.Sprint(values)
}
