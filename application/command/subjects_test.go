package command_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/application/personal"
	"orderflow/domain/order"
	"orderflow/ports"
)

// keyed is a handler that keys the digests of personal data.
type keyed struct {
	orders.Commands
	store *memory.Store
	keys  *personal.Keyring
}

func newKeyed(t *testing.T, store *memory.Store, keys personal.Store) keyed {
	t.Helper()
	ring, err := personal.NewKeyring(bytes.Repeat([]byte{7}, personal.KeyBytes), keys, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	config := command.Config{Store: store, Now: time.Now, NewID: uuid.New, Subjects: ring}
	return keyed{orders.NewCommands(orderjson.New(), config), store, ring}
}

func confirm(id uuid.UUID, reference string) orders.Request {
	return orders.Request{Command: order.ConfirmOrder{OrderID: id, PaymentReference: reference}, CommandID: uuid.New()}
}

func TestHandler_Handle_namesTheSubjectOfEachEvent(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	h, id := newKeyed(t, store, store), uuid.New()
	must(t, h, create(id))
	must(t, h, update(id, 2))
	must(t, h, confirm(id, "PAY-1"))
	for _, r := range history(t, store, id) {
		if got, want := r.Metadata[ports.MetadataSubject], string(h.keys.SubjectOf("c-1")); got != want {
			t.Errorf("event %d names the subject %q, want %q", r.SequenceNumber, got, want)
		}
		plain, secret := r.Metadata["command_digest"], r.Metadata["command_hmac"]
		if personal := r.SequenceNumber != 2; (plain == "") != personal || (secret == "") == personal {
			t.Errorf("event %d has the digest %q and the keyed digest %q", r.SequenceNumber, plain, secret)
		}
	}
}

// Who has the events and guesses the payment reference cannot check the guess.
func TestHandler_Handle_keysTheDigestWithTheSubject(t *testing.T) {
	t.Parallel()
	var digests []string
	id := uuid.New()
	for range 2 {
		store := memory.New(memory.Options{})
		h := newKeyed(t, store, store)
		must(t, h, create(id))
		must(t, h, confirm(id, "PAY-1"))
		digests = append(digests, history(t, store, id)[1].Metadata["command_hmac"])
	}
	if digests[0] == digests[1] {
		t.Error("two subjects with the same command have the same digest")
	}
}

func TestHandler_Handle_comparesKeyedDigests(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	h, id := newKeyed(t, store, store), uuid.New()
	must(t, h, create(id))
	request := confirm(id, "PAY-1")
	first := must(t, h, request)
	if again := must(t, h, request); again.SequenceNumber != first.SequenceNumber || len(again.Events) != 1 {
		t.Errorf("the repeated command: %+v", again)
	}
	for name, other := range map[string]order.Command{
		"other personal data": order.ConfirmOrder{OrderID: id, PaymentReference: "PAY-2"},
		"another command":     order.DeliverOrder{OrderID: id},
	} {
		_, err := h.Handle(t.Context(), orders.Request{Command: other, CommandID: request.CommandID})
		if reused := (*ports.CommandIDReusedError)(nil); !errors.As(err, &reused) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// Events from the time before there was a service key have plain digests, and keep them.
func TestHandler_Handle_comparesDigestsOfOldEvents(t *testing.T) {
	t.Parallel()
	store, id := memory.New(memory.Options{}), uuid.New()
	old := setup(store)
	must(t, old, create(id))
	request := confirm(id, "PAY-1")
	must(t, old, request)

	h := newKeyed(t, store, store)
	if again := must(t, h, request); again.SequenceNumber != 2 || len(again.Events) != 1 {
		t.Errorf("the repeated command: %+v", again)
	}
	request.Command = order.ConfirmOrder{OrderID: id, PaymentReference: "PAY-2"}
	_, err := h.Handle(t.Context(), request)
	if reused := (*ports.CommandIDReusedError)(nil); !errors.As(err, &reused) {
		t.Errorf("error %v", err)
	}
	must(t, h, orders.Request{Command: order.ShipOrder{OrderID: id, Carrier: "C", TrackingNumber: "T"}})
	if last := history(t, store, id)[2]; last.Metadata[ports.MetadataSubject] != string(h.keys.SubjectOf("c-1")) {
		t.Errorf("a new event of an old order has the metadata %v", last.Metadata)
	}
}

func TestHandler_Handle_refusesNewPersonalDataOfAnErasedSubject(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	h, id := newKeyed(t, store, store), uuid.New()
	must(t, h, create(id))
	earlier := confirm(id, "PAY-1")
	must(t, h, earlier)
	if err := h.keys.BlockSubject(t.Context(), h.keys.SubjectOf("c-1")); err != nil {
		t.Fatal(err)
	}
	for _, refused := range []orders.Request{
		{Command: order.ShipOrder{OrderID: id, Carrier: "C", TrackingNumber: "T"}}, create(uuid.New()),
	} {
		if _, err := h.Handle(t.Context(), refused); !errors.Is(err, ports.ErrSubjectErased) {
			t.Errorf("%s: error %v", refused.Command.Name(), err)
		}
	}
	if n := len(history(t, store, id)); n != 2 {
		t.Errorf("%d events", n)
	}
	// the digest cannot be compared any more, but the command is the one that has this id
	if again := must(t, h, earlier); again.SequenceNumber != 2 || len(again.Events) != 1 {
		t.Errorf("the repeated command: %+v", again)
	}
}

// A command that had its answer before the erasure gets it again, from every process and whatever
// that process remembers.
func TestHandler_Handle_repeatsTheAnswersOfAnErasedSubject(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	first, id := newKeyed(t, store, store), uuid.New()
	config := command.Config{
		Store: store, Now: time.Now, NewID: uuid.New, Subjects: first.keys, Cache: command.NewCache(1 << 20),
	}
	begin, confirmed := create(id), confirm(id, "PAY-1")
	begin.CommandID = uuid.New()
	must(t, first, begin)
	stale := orders.NewCommands(orderjson.New(), config)
	must(t, stale, update(id, 2)) // it remembers what comes before the next command
	must(t, first, confirmed)
	if err := first.keys.DestroySubject(t.Context(), first.keys.SubjectOf("c-1")); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]orders.Commands{"of a process that remembers less": stale, "of a new process": newKeyed(t, store, store)} {
		if again := must(t, h, confirmed); again.SequenceNumber != 3 || len(again.Events) != 1 {
			t.Errorf("%s: %+v", name, again)
		}
	}
	if again := must(t, newKeyed(t, store, store), begin); again.SequenceNumber != 1 || len(again.Events) != 1 {
		t.Errorf("the first command: %+v", again)
	}
}

// What has no personal data goes on: an order of an erased subject can be finished.
func TestHandler_Handle_takesOtherCommandsOfAnErasedSubject(t *testing.T) {
	t.Parallel()
	store := memory.New(memory.Options{})
	h, id := newKeyed(t, store, store), uuid.New()
	must(t, h, create(id))
	must(t, h, confirm(id, "PAY-1"))
	must(t, h, orders.Request{Command: order.ShipOrder{OrderID: id, Carrier: "C", TrackingNumber: "T"}})
	if err := h.keys.DestroySubject(t.Context(), h.keys.SubjectOf("c-1")); err != nil {
		t.Fatal(err)
	}
	must(t, h, orders.Request{Command: order.DeliverOrder{OrderID: id}})
}

// troubled is a store of keys that answers with an error, if there is one.
type troubled struct {
	*memory.Store
	err error
}

func (k *troubled) LoadSubjectKey(ctx context.Context, subject ports.Subject) ([]byte, error) {
	if k.err != nil {
		return nil, k.err
	}
	return k.Store.LoadSubjectKey(ctx, subject)
}

// Without the keys nothing is written, and nothing is taken for an erasure.
func TestHandler_Handle_writesNothingWithoutTheKeys(t *testing.T) {
	t.Parallel()
	keys := &troubled{memory.New(memory.Options{}), nil}
	store, id := memory.New(memory.Options{}), uuid.New()
	first := newKeyed(t, store, keys)
	must(t, first, create(id))
	request := confirm(id, "PAY-1")
	must(t, first, request)

	h := newKeyed(t, store, keys) // it remembers no key
	keys.err = ports.ErrUnavailable
	for _, r := range []orders.Request{create(uuid.New()), request} {
		if _, err := h.Handle(t.Context(), r); !errors.Is(err, ports.ErrUnavailable) || errors.Is(err, ports.ErrCorrupt) {
			t.Errorf("%s: error %v", r.Command.Name(), err)
		}
	}
	h = newKeyed(t, store, memory.New(memory.Options{})) // the keys are lost
	if _, err := h.Handle(t.Context(), request); !errors.Is(err, ports.ErrCorrupt) || errors.Is(err, ports.ErrSubjectErased) {
		t.Errorf("error %v", err)
	}
	if n := len(history(t, store, id)); n != 2 {
		t.Errorf("%d events", n)
	}
}
