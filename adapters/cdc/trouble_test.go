package cdc_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"github.com/google/uuid"

	"orderflow/adapters/cdc"
	"orderflow/tests/scyllasim"
)

// stuck holds offsets. Those of some consumers cannot be saved or loaded until release is closed.
type stuck struct {
	*offsets
	mu      sync.Mutex
	names   map[string]bool
	release chan struct{}
	waiting chan struct{} // gets a value for each call that waits
}

func newStuck() *stuck {
	return &stuck{offsets: newOffsets(), names: map[string]bool{}, release: make(chan struct{}), waiting: make(chan struct{}, 1000)}
}

func (s *stuck) stick(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = true
}

func (s *stuck) wait(name string) {
	s.mu.Lock()
	is := s.names[name]
	s.mu.Unlock()
	if is {
		s.waiting <- struct{}{}
		<-s.release
	}
}

func (s *stuck) SaveOffsets(ctx context.Context, consumer string, o map[string]uuid.UUID) error {
	s.wait(consumer)
	return s.offsets.SaveOffsets(ctx, consumer, o)
}

func (s *stuck) LoadOffsets(ctx context.Context, consumer string) (map[string]uuid.UUID, error) {
	s.wait(consumer)
	s.wait("load " + consumer)
	return s.offsets.LoadOffsets(ctx, consumer)
}

// The offset of one consumer cannot be saved, and the attempt takes long. No other consumer is
// affected, and its status can be read in the meantime.
func TestFeed_SaveThatTakesLongHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	saved := newStuck()
	r := follow(t, s, s.config(saved)) // consumer a
	defer close(saved.release)
	if err := r.feed.SeekEnd(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	await(t, "a lag that is known", func() bool {
		lag, err := r.feed.Lag(t.Context(), "a")
		return err == nil && lag.Known
	}, r.feed)
	saved.stick("a")
	<-saved.waiting

	r.put(1)
	first := r.expect(1)[0]
	for _, name := range []string{"a", "b"} {
		if lag, err := r.feed.Lag(t.Context(), name); err != nil || !lag.Known || lag.Events != 1 {
			t.Errorf("lag of %s: %+v, %v, want 1", name, lag, err)
		}
	}
	r.commit(first)
	if lag, err := r.feed.Lag(t.Context(), "a"); err != nil || !lag.Known || lag.Events != 0 {
		t.Errorf("lag of a: %+v, %v, want 0", lag, err)
	}
	if lag, err := r.feed.Lag(t.Context(), "c"); err != nil || lag.Known {
		t.Errorf("lag of one that nobody knows: %+v, %v", lag, err)
	}
	b := &reader{TB: t, server: s, feed: r.feed, id: r.id}
	var err error
	if b.sub, err = r.feed.Subscribe(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	b.commit(b.expect(1)[0])
	committed := time.Now()
	await(t, "the offset of the other consumer to be saved", func() bool { return saved.at("b").After(committed) }, r.feed)
	r.put(2)
	r.expect(2)
}

// An offset is about to be saved, and waits for a look at what is stored, which finds that another
// process has moved it. It must not be put back.
func TestOffset_SaveThatWaitedDoesNotUndoAMove(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	saved := newStuck()
	r := follow(t, s, s.config(saved))
	if err := r.sub.Close(); err != nil { // from now on the feed looks where the consumer is
		t.Fatal(err)
	}
	saved.stick("load a")
	<-saved.waiting
	before := saved.at("a")
	r.settle(time.Now()) // so that there is something to be saved, and the save waits
	r.await("a later save to wait", func(s cdc.Stats) bool { return s.SafeHorizon.After(before.Add(500 * time.Millisecond)) })
	moved := time.Now().Add(time.Hour)
	if err := saved.SaveOffsets(t.Context(), "a", map[string]uuid.UUID{cdc.WholeLog: uuid.UUID(gocql.MinTimeUUID(moved))}); err != nil {
		t.Fatal(err)
	}
	close(saved.release)
	<-saved.waiting // another look, behind the save
	<-saved.waiting
	if at := saved.at("a"); at.Before(moved.Add(-time.Millisecond)) {
		t.Errorf("the offset that another process moved to %s is %s", moved, at)
	}
}

// This process sees what another process does with a consumer, and nothing waits for it.
func TestLag_OfAConsumerThatWasMovedElsewhere(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	saved := newOffsets()
	r := follow(t, s, s.config(saved))
	if err := r.sub.Close(); err != nil {
		t.Fatal(err)
	}
	known := func() bool {
		lag, err := r.feed.Lag(t.Context(), "a")
		return err == nil && lag.Known
	}
	await(t, "a lag that is known", known, r.feed)
	r.put(1) // so that this process does not move it
	await(t, "a lag of 1", func() bool {
		lag, err := r.feed.Lag(t.Context(), "a")
		return err == nil && lag.Events == 1
	}, r.feed)
	await(t, "a lag that is not known here any more", func() bool {
		// again, because this process saves its own offset
		moved := map[string]uuid.UUID{cdc.WholeLog: uuid.UUID(gocql.TimeUUID())}
		if err := saved.SaveOffsets(t.Context(), "a", moved); err != nil {
			t.Error(err)
		}
		return !known()
	}, r.feed)
}

// A panic of a reader is a failure: the service and the reader continue.
func TestFeed_PanicOfAReaderIsAFailure(t *testing.T) {
	t.Parallel()
	s := simulated(t, scyllasim.Options{}, false)
	config := s.config(newOffsets())
	config.Patience = 10 * time.Millisecond
	var once sync.Once
	config.OnMalformed = func(*cdc.MalformedRowError) { once.Do(func() { panic("out of nowhere") }) }
	r := follow(t, s, config)
	r.put(1)
	r.expect(1)
	s.exec(t, "INSERT INTO "+s.keyspace+".outbox_messages (aggregate_id, sequence_number, event_id, payload) VALUES (?, 2, ?, '{}')",
		gocql.UUID(r.id), gocql.MustRandomUUID())
	r.put(3)
	r.expect(3)
	r.await("a failure, and both readers to go on", func(s cdc.Stats) bool { return s.FastFailures == 1 && s.Malformed >= 1 })
	at := time.Now()
	r.await("both readers to go on", func(s cdc.Stats) bool { return s.FastHorizon.After(at) && s.SafeHorizon.After(at) })
}

// lines keeps a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// have reports whether one of the lines has all of some words.
func (l *lines) have(words ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			return true
		}
	}
	return false
}
