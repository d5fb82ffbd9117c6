package otherdomain_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/application/consumer"
	"orderflow/application/filling"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
	"orderflow/tests/otherdomain"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "run the round of this seed only")
	roundsFlag = flag.Int("rounds", 1, "how many rounds of new seeds are run")
)

// TestRounds runs both domains through faults of the store, of the feed and of the publisher,
// through crashes and through what operators do. In the end it checks the promises, for both of
// them.
func TestRounds(t *testing.T) {
	t.Parallel()
	seeds := []uint64{1, 2}
	for range *roundsFlag {
		seeds = append(seeds, rand.Uint64())
	}
	if *seedFlag != 0 {
		seeds = []uint64{*seedFlag}
	}
	for name, disk := range disks() {
		for _, seed := range seeds {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := runRound(t, seed, disk(), patience, nil)
				t.Logf("seed %d: %s", seed, r.summary)
				for _, v := range r.violations {
					t.Error(v)
				}
				if hits := r.chance.hits.Load(); hits < 20 {
					t.Errorf("only %d calls were made to fail", hits)
				}
				if t.Failed() {
					t.Logf("the service said:\n%s", r.log.text())
				}
			})
		}
	}
}

// forgetfulStore does not show which commands the events came from.
type forgetfulStore struct{ otherdomain.Store }

func (s forgetfulStore) Load(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	records, err := s.Store.Load(ctx, id, after)
	for i := range records {
		records[i].CommandID = uuid.UUID{1}
	}
	return records, err
}

// lossyStore acknowledges some appends that it does not make.
type lossyStore struct{ otherdomain.Store }

func (s lossyStore) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if a.CommandID[15]%16 == 0 {
		return ports.Appended{Records: a.Records}, nil
	}
	return s.Store.Append(ctx, a)
}

// rowlessStore loses rows of some aggregates.
type rowlessStore struct{ otherdomain.Store }

func (s rowlessStore) Apply(ctx context.Context, view ports.ViewID, changes ...ports.Change) error {
	changes = slices.Clone(changes)
	for i, change := range changes {
		if change.AggregateID[15]%2 == 0 {
			changes[i].Put = nil
		}
	}
	return s.Store.Apply(ctx, view, changes...)
}

// swallowing is a publisher that drops some events.
type swallowing struct{ ports.Publisher }

func (p swallowing) Publish(ctx context.Context, r eventsourcing.Record) error {
	if r.EventID[15]%8 == 0 {
		return nil
	}
	return p.Publisher.Publish(ctx, r)
}

// giveUp has no effect on some aggregates.
type giveUp struct{ filling.Effect }

func (e giveUp) Apply(ctx context.Context, state []byte, records []eventsourcing.Record) (ports.Change, error) {
	if records[0].AggregateID[15]%2 == 0 {
		return ports.Change{}, nil
	}
	return e.Effect.Apply(ctx, state, records)
}

// Rounds must find what is wrong with services that are broken on purpose.
func TestRounds_Catch(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		breaks func(*otherdomain.Config)
		says   string
	}{
		"commands that happen twice": {
			func(c *otherdomain.Config) { c.Store = forgetfulStore{c.Store} }, "P6: ",
		},
		"appends that are lost": {
			func(c *otherdomain.Config) { c.Store = lossyStore{c.Store} }, "is not there as it was acknowledged",
		},
		"rows that are lost": {
			func(c *otherdomain.Config) { c.Store = rowlessStore{c.Store} }, "P3: ",
		},
		"events that nobody gets": {
			func(c *otherdomain.Config) { c.Publisher = swallowing{c.Publisher} }, "P3: published of",
		},
		"consumers that take all": {
			consumers(func(c *consumer.Config) { c.Types = nil }), "types: ",
		},
		"effects that are given up": {
			consumers(func(c *consumer.Config) { c.Effect = giveUp{c.Effect} }), "P3: ",
		},
		"consumers of the wrong type": {
			consumers(wrongType), "has handled 0 of",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runRound(t, 1, disks()["memory"](), 2*time.Second, test.breaks)
			if said := strings.Join(r.violations, "\n"); !strings.Contains(said, test.says) {
				t.Errorf("the round does not say %q: %s", test.says, said)
			}
		})
	}
}

func consumers(change func(*consumer.Config)) func(*otherdomain.Config) {
	return func(c *otherdomain.Config) { c.Adjust = change }
}

// wrongType makes consumers of both types take stock only.
func wrongType(c *consumer.Config) {
	if len(c.Types) == 2 {
		c.Types = c.Types[1:]
	}
}
