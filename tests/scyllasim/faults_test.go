package scyllasim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/go-cmp/cmp"

	"orderflow/tests/scyllasim"
)

// faultFact is what the driver reported about a fault that was injected into a real server, and
// what reads saw afterwards.
type faultFact struct {
	Fault, Statement, GoType, Error, Code string
	Fields                                map[string]any
	After                                 map[string]string
}

// effects maps the server's fault injection points to the simulator's.
var effects = map[string]scyllasim.Effect{
	"paxos_prepare_timeout":             scyllasim.PaxosNotAccepted,
	"paxos_error_before_save_promise":   scyllasim.PaxosNotAccepted,
	"paxos_error_after_save_promise":    scyllasim.PaxosNotAccepted,
	"paxos_accept_proposal_timeout":     scyllasim.PaxosNotAccepted,
	"paxos_error_before_save_proposal":  scyllasim.PaxosNotAccepted,
	"paxos_error_after_save_proposal":   scyllasim.PaxosNotLearned,
	"paxos_error_before_learn":          scyllasim.PaxosLearnFailed,
	"paxos_state_learn_timeout":         scyllasim.PaxosLearnTimeout,
	"paxos_timeout_after_save_decision": scyllasim.TimeoutAfter,
}

const createEvents = `CREATE TABLE facts.event_store (aggregate_id uuid, sequence_number bigint, head bigint static, payload text,
	PRIMARY KEY (aggregate_id, sequence_number))`

func createFacts(t *testing.T, s *gocql.Session) {
	t.Helper()
	exec(t, s, "CREATE KEYSPACE facts WITH replication={'class':'NetworkTopologyStrategy','replication_factor':1}")
	exec(t, s, createEvents)
}

// appendBatch is the conditional batch of the facts on a new order.
func appendBatch(s *gocql.Session, order gocql.UUID) *gocql.Batch {
	b := s.Batch(gocql.UnloggedBatch)
	b.Query("UPDATE facts.event_store SET head=? WHERE aggregate_id=? IF head=?", int64(1), order, nil)
	b.Query("INSERT INTO facts.event_store (aggregate_id, sequence_number, payload) VALUES (?,?,?)", order, int64(1), "{}")
	return b
}

func runCAS(s *gocql.Session, b *gocql.Batch) (bool, error) {
	applied, iter, err := s.MapExecuteBatchCAS(b, map[string]any{})
	if err != nil {
		return false, err
	}
	return applied, iter.Close()
}

func readHead(s *gocql.Session, order gocql.UUID, cl gocql.Consistency) string {
	var head int64
	err := s.Query("SELECT head FROM facts.event_store WHERE aggregate_id=?", order).Consistency(cl).Scan(&head)
	switch {
	case errors.Is(err, gocql.ErrNotFound):
		return "no row"
	case err != nil:
		return err.Error()
	}
	return fmt.Sprint("head ", head)
}

func TestFacts_faults(t *testing.T) {
	t.Parallel()
	for _, f := range readLines[faultFact](t, "testdata/faults.jsonl") {
		t.Run(strings.Join([]string{f.Fault, f.Statement}, " "), func(t *testing.T) {
			t.Parallel()
			sim, s := setup(t, scyllasim.Options{})
			createFacts(t, s)
			order := gocql.MustRandomUUID()
			got := faultFact{Fault: f.Fault, Statement: f.Statement}
			got.provoke(t, sim, s, order)
			if f.After != nil {
				got.After = map[string]string{
					"LOCAL_QUORUM":       readHead(s, order, gocql.LocalQuorum),
					"LOCAL_SERIAL":       readHead(s, order, gocql.LocalSerial),
					"LOCAL_QUORUM again": readHead(s, order, gocql.LocalQuorum),
				}
				applied, err := runCAS(s, appendBatch(s, order))
				got.After["the same append again"] = fmt.Sprintf("applied %v %v", applied, err)
			}
			for _, side := range []faultFact{f, got} {
				if v, ok := side.Fields["value"].(map[string]any); ok {
					delete(v, "Stream")
				}
			}
			if strings.HasPrefix(f.Fault, "client timeout") {
				// the text contains the time of the wait and the number of requests in flight
				f.Error, got.Error = "", ""
			}
			if d := cmp.Diff(f, got); d != "" {
				t.Errorf("(-server +simulator)\n%s", d)
			}
		})
	}
}

// provoke causes the failure and notes what the driver reports.
func (f *faultFact) provoke(t *testing.T, sim *scyllasim.Sim, s *gocql.Session, order gocql.UUID) {
	t.Helper()
	var err error
	insert := func() *gocql.Query {
		return s.Query("INSERT INTO facts.event_store (aggregate_id, sequence_number) VALUES (?, ?)", order, int64(1))
	}
	switch f.Statement {
	case "plain insert at TWO":
		err = insert().Consistency(gocql.Two).Exec()
	case "read at TWO":
		err = s.Query("SELECT head FROM facts.event_store WHERE aggregate_id=?", order).Consistency(gocql.Two).Exec()
	case "read of system_distributed at LOCAL_QUORUM":
		err = s.Query("SELECT time FROM system_distributed.cdc_generation_timestamps WHERE key='timestamps'").Exec()
	case "batch of two 1.2 MB payloads (batch_size_fail_threshold)":
		b := s.Batch(gocql.LoggedBatch)
		for range 2 {
			b.Query("INSERT INTO facts.event_store (aggregate_id, sequence_number, payload) VALUES (?, ?, ?)",
				gocql.MustRandomUUID(), int64(1), strings.Repeat("x", 1200*1000))
		}
		err = s.ExecuteBatch(b)
	case "conditional batch, driver gives up first":
		// it is prepared now
		if _, err := runCAS(s, appendBatch(s, gocql.MustRandomUUID())); err != nil {
			t.Fatal(err)
		}
		sim.Inject(scyllasim.Fault{Kind: scyllasim.KindLWT, Delay: time.Minute})
		hasty := appendBatch(s, order)
		hasty.SetRequestTimeout(20 * time.Millisecond)
		_, err = runCAS(s, hasty)
	default:
		if f.Fault != "" {
			e, ok := effects[f.Fault]
			if !ok {
				t.Fatalf("no effect for %q", f.Fault)
			}
			sim.Inject(scyllasim.Fault{Kind: scyllasim.KindLWT, Effect: e})
		}
		_, err = runCAS(s, appendBatch(s, order))
	}
	f.describe(t, err)
}

func (f *faultFact) describe(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	f.GoType, f.Error = fmt.Sprintf("%T", err), err.Error()
	inner := errors.Unwrap(err)
	f.Code = fmt.Sprintf("%T", inner)
	b, jsonErr := json.Marshal(map[string]any{
		"inner": f.Code, "value": inner,
		"outer": map[string]any{"PotentiallyExecuted": err.(*gocql.QueryError).PotentiallyExecuted()},
	})
	if jsonErr != nil {
		t.Fatal(jsonErr)
	}
	if err := unmarshal(b, &f.Fields); err != nil {
		t.Fatal(err)
	}
}
