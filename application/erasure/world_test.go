package erasure_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/subjectjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/erasure"
	"orderflow/application/failure"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/subject"
	"orderflow/ports"
)

// noteType is the type of aggregates with personal data in these tests: each event is one text.
const noteType = "note"

// The metadata of a note.
const (
	metaSubject = "subject"
	metaPlain   = "plain"
)

// world is what outlives a process: the store, the keys, and what is derived from the notes. An
// effect may be the last one of the process.
type world struct {
	t     *testing.T
	store *memory.Store

	mu      sync.Mutex
	keys    map[ports.Subject]bool // those that exist
	blocked map[ports.Subject]bool
	// derived is what each place has of each note.
	derived map[string]map[uuid.UUID]string

	// The rest is of one process.
	cached map[ports.Subject]bool // keys in memory
	// effects counts the effects so far. At dieAt the process dies: before the effect, or after it.
	effects, dieAt int
	after          bool
	died           func()
	dead           bool
	// unwell are places that cannot be written.
	unwell map[string]error
	// whole, unless nil, is in the place of the places.
	whole *whole
	// purges counts how often files were purged.
	purges int
	// damaged are aggregates that cannot be read: not even the first event, or only as a whole.
	damaged map[uuid.UUID]int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, store: memory.New(memory.Options{}), keys: map[ports.Subject]bool{}, blocked: map[ports.Subject]bool{},
		derived: map[string]map[uuid.UUID]string{"view": {}, "cache": {}}, unwell: map[string]error{},
		damaged: map[uuid.UUID]int{},
	}
	w.start(0, false, nil)
	return w
}

// start begins another process, which dies at an effect.
func (w *world) start(dieAt int, after bool, died func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cached = maps.Clone(w.keys)
	w.derived["cache"] = map[uuid.UUID]string{}
	w.effects, w.dieAt, w.after, w.died, w.dead = 0, dieAt, after, died, false
}

// errDead is what a dead process sees.
var errDead = fmt.Errorf("the process is dead: %w", ports.ErrUnavailable)

// effect does something that outlives the process.
func (w *world) effect(do func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return errDead
	}
	w.effects++
	if w.effects != w.dieAt {
		do()
		return nil
	}
	if w.after {
		do()
	}
	w.dead = true
	w.died()
	return errDead
}

func token(customer string) ports.Subject {
	return ports.Subject(fmt.Sprintf("%x", customer))
}

// write appends a text to the note of a customer, and derives what follows.
func (w *world) write(customer string, id uuid.UUID, plain bool) {
	w.t.Helper()
	ctx := context.Background()
	s := token(customer)
	history, err := w.store.Load(ctx, id, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	head := uint64(len(history))
	metadata := map[string]string{metaSubject: string(s)}
	if plain {
		metadata[metaPlain] = "yes"
	} else {
		w.keys[s] = true
		w.cached[s] = true
	}
	commandID := uuid.New()
	_, err = w.store.Append(ctx, ports.Append{
		AggregateID: id, Expected: head, CommandID: commandID, Records: []eventsourcing.Record{{
			Header: eventsourcing.Header{
				EventID: uuid.New(), AggregateType: noteType, AggregateID: id, SequenceNumber: head + 1, CommandID: commandID,
				CorrelationID: commandID, CausationID: commandID, Metadata: metadata, CreatedAt: eventsourcing.Timestamp(time.Now()),
			},
			EventType: "note.written", EventVersion: 1, Payload: []byte(`{}`),
		}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for place := range w.derived {
		w.derived[place][id] = w.text(id)
	}
}

// text is what the events of a note say now.
func (w *world) text(id uuid.UUID) string {
	history, err := w.store.Load(context.Background(), id, 0)
	if err != nil {
		w.t.Error(err)
	}
	var texts []string
	for _, record := range history {
		s := ports.Subject(record.Metadata[metaSubject])
		switch {
		case record.Metadata[metaPlain] != "":
			texts = append(texts, "plain")
		case w.keys[s] || w.cached[s]:
			texts = append(texts, "secret")
		default:
			texts = append(texts, "erased")
		}
	}
	return strings.Join(texts, " ")
}

// keyring is the keys as an eraser sees them.
type keyring struct{ *world }

func (k keyring) BlockSubject(_ context.Context, s ports.Subject) error {
	return k.effect(func() {
		k.mustBeRequested(s)
		k.blocked[s] = true
	})
}

func (k keyring) DestroySubject(_ context.Context, s ports.Subject) error {
	return k.effect(func() {
		k.mustBeRequested(s)
		if !k.blocked[s] {
			k.t.Errorf("%s: its key is destroyed, and another one may be made", s)
		}
		delete(k.keys, s)
	})
}

func (k keyring) ErasedSubjects(_ context.Context, found func(ports.Subject) error) error {
	k.mu.Lock()
	erased := maps.Clone(k.blocked)
	k.mu.Unlock()
	for s := range erased {
		if err := found(s); err != nil {
			return err
		}
	}
	return nil
}

// mustBeRequested fails when the request of an erasure is not durable.
func (w *world) mustBeRequested(s ports.Subject) {
	if history, err := w.store.Load(context.Background(), subject.ID(string(s)), 0); err != nil || len(history) == 0 {
		w.t.Errorf("%s is touched before the request is durable (%v)", s, err)
	}
}

// forget drops a key from the memory of the process.
func (w *world) forget(s ports.Subject) {
	_ = w.effect(func() {
		delete(w.cached, s)
		clear(w.derived["cache"])
	})
}

// Purge implements ports.Purger. It comes after everything is rewritten.
func (w *world) Purge(context.Context) error {
	w.mu.Lock()
	w.purges++
	err := w.unwell["files"]
	w.mu.Unlock()
	for s := range w.blocked {
		w.mustBeErased(subject.ID(string(s)))
	}
	return err
}

// place is a view, or what a process has in memory.
type place struct {
	*world
	name string
}

func (p place) Name() string { return p.name }

func (p place) Rewrite(_ context.Context, id uuid.UUID) (rewritten bool, err error) {
	p.mu.Lock()
	err = p.unwell[p.name]
	p.mu.Unlock()
	if err != nil {
		return false, err
	}
	err = p.effect(func() {
		if _, rewritten = p.derived[p.name][id]; rewritten {
			p.derived[p.name][id] = p.text(id)
		}
	})
	return rewritten, err
}

// whole is a place that can only be renewed as a whole.
type whole struct {
	place
	at uint64
}

func (p *whole) Rewrite(context.Context, uuid.UUID) (bool, error) { return false, nil }

func (p *whole) Mark(context.Context) (uint64, error) {
	for s := range p.keys {
		p.t.Errorf("the key of %s is there", s)
	}
	return p.at, nil
}

func (p *whole) Renew(_ context.Context, mark uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if mark < p.at {
		return nil
	}
	return errors.New("it is renewed")
}

// renewNow derives everything again.
func (p *whole) renewNow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.derived["view"] {
		p.derived["view"][id] = p.text(id)
	}
	p.at++
}

// events is the store of a process. Its appends are effects.
type events struct {
	*memory.Store
	world *world
}

func (e events) Append(ctx context.Context, a ports.Append) (appended ports.Appended, err error) {
	if dead := e.world.effect(func() {
		if a.Records[0].EventType == "subject.erased" {
			e.world.mustBeErased(a.AggregateID)
		}
		appended, err = e.Store.Append(ctx, a)
	}); dead != nil {
		return ports.Appended{}, dead
	}
	return appended, err
}

// LoadPage is for the first event.
func (e events) LoadPage(ctx context.Context, id uuid.UUID, after uint64, limit int) ([]eventsourcing.Record, error) {
	if readable, damaged := e.world.damage(id); damaged && readable == 0 {
		return nil, ports.ErrCorrupt
	}
	return e.Store.LoadPage(ctx, id, after, limit)
}

func (e events) Load(ctx context.Context, id uuid.UUID, after uint64) ([]eventsourcing.Record, error) {
	if _, damaged := e.world.damage(id); damaged {
		return nil, ports.ErrCorrupt
	}
	return e.Store.Load(ctx, id, after)
}

func (w *world) damage(id uuid.UUID) (readable int, damaged bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	readable, damaged = w.damaged[id]
	return readable, damaged
}

func (w *world) repair(id uuid.UUID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.damaged, id)
}

// mustBeErased fails when an erasure ends while something can be read.
func (w *world) mustBeErased(id uuid.UUID) {
	for place, notes := range w.derived {
		for note, text := range notes {
			history, err := w.store.Load(context.Background(), note, 0)
			if err != nil {
				w.t.Error(err)
			}
			if subject.ID(history[0].Metadata[metaSubject]) == id && strings.Contains(text, "secret") {
				w.t.Errorf("the erasure ends, and %s has %q", place, text)
			}
		}
	}
}

// Orders implements erasure.Customers.
func (w *world) Orders(_ context.Context, customer string) (all, unfinished int, err error) {
	switch customer {
	case "nobody":
		return 0, 0, nil
	case "busy":
		return 3, 2, nil
	default:
		return 2, 0, nil
	}
}

// eraser returns the eraser of a new process.
func (w *world) eraser() *erasure.Eraser {
	store := events{w.store, w}
	codec := subjectjson.New()
	places := []erasure.Place{place{w, "view"}, place{w, "cache"}}
	if w.whole != nil {
		places = []erasure.Place{w.whole}
	}
	return erasure.New(erasure.Config{
		Commands: erasure.NewCommands(codec, command.Config{Store: store, Now: time.Now, NewID: uuid.New}),
		Codec:    codec, Store: store, Keys: keyring{w}, Erased: keyring{w}, Subject: token, Customers: w, Types: []string{noteType},
		Owner: func(first eventsourcing.Record) (ports.Subject, error) {
			return ports.Subject(first.Metadata[metaSubject]), nil
		},
		Plain:   func(r eventsourcing.Record) bool { return r.Metadata[metaPlain] != "" },
		Forget:  w.forget,
		Places:  places,
		Purger:  w,
		Every:   time.Hour,
		Backoff: failure.Backoff{First: time.Second, Max: time.Minute},
		Logger:  slog.New(slog.DiscardHandler),
	})
}

var why = ports.ErasureRequest{Reason: "the customer has asked for it", Reference: "ticket 4711"}
