package transfer_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/eventjson"
	"orderflow/adapters/eventjson/orderjson"
	"orderflow/adapters/memory"
	"orderflow/application/command"
	"orderflow/application/orders"
	"orderflow/application/personal"
	"orderflow/application/transfer"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/order"
	"orderflow/ports"
)

const canary = "canary-4711"

// sealing is a target with keys, and the commands on it.
type sealing struct {
	*memory.Store
	ring     *personal.Keyring
	codec    *eventjson.Mux
	commands orders.Commands
}

func newSealing(t *testing.T) *sealing {
	t.Helper()
	s := &sealing{Store: memory.New(memory.Options{})}
	var err error
	if s.ring, err = personal.NewKeyring(bytes.Repeat([]byte{7}, personal.KeyBytes), s.Store, time.Now); err != nil {
		t.Fatal(err)
	}
	seal := eventjson.NewSeal(s.ring)
	s.codec = orderjson.NewMux().Sealed(seal)
	s.commands = orders.NewCommands(orderjson.New().Sealed(seal),
		command.Config{Store: s.Store, Now: time.Now, NewID: uuid.New, Subjects: s.ring})
	return s
}

// config seals what is imported.
func (s *sealing) config(c *transfer.ImporterConfig) {
	c.Codec = s.codec
	c.Seal = &transfer.Sealing{Codec: s.codec, Keys: s.ring, Owner: func(first eventsourcing.Record) (ports.Subject, error) {
		e, err := s.codec.Decode(first)
		created, _ := e.Event.(order.OrderCreated)
		if err != nil || created.CustomerID == "" {
			return "", err
		}
		return s.ring.SubjectOf(created.CustomerID), nil
	}}
}

func (s *sealing) importAll(t *testing.T, records []eventsourcing.Record) transfer.ImportReport {
	t.Helper()
	report, err := importer(s.Store, s.config).Import(t.Context(), newSource(records))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// plainStore is filled by a service without a key. It returns its commands, too.
func plainStore(t *testing.T) ([]eventsourcing.Record, []orders.Request) {
	t.Helper()
	store := memory.New(memory.Options{})
	commands := orders.NewCommands(orderjson.New(), command.Config{Store: store, Now: time.Now, NewID: uuid.New})
	items := []order.Item{{SKU: "A", Quantity: 1, UnitPrice: 5}}
	var requests []orders.Request
	for _, customer := range []string{"ada", "bob"} {
		id := uuid.New()
		for _, c := range []order.Command{
			order.CreateOrder{OrderID: id, CustomerID: customer, Currency: "EUR", Items: items},
			order.UpdateItems{OrderID: id, Items: []order.Item{{SKU: "B", Quantity: 2, UnitPrice: 5}}},
			order.ConfirmOrder{OrderID: id, PaymentReference: canary},
			order.ShipOrder{OrderID: id, Carrier: canary, TrackingNumber: canary},
		} {
			request := orders.Request{Command: c, CommandID: uuid.New()}
			if _, err := commands.Handle(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			requests = append(requests, request)
		}
	}
	return export(t, store, ports.ExportRequest{}), requests
}

func TestImport_SealsWhatWasStoredWithoutAKey(t *testing.T) {
	t.Parallel()
	records, requests := plainStore(t)
	to := newSealing(t)
	if report := to.importAll(t, records); report.Appended != uint64(len(records)) || report.Refused > 0 {
		t.Fatalf("report %+v", report)
	}
	imported := export(t, to.Store, ports.ExportRequest{})
	for i, r := range sorted(imported) {
		was := sorted(records)[i]
		if bytes.Contains(r.Payload, []byte(canary)) || r.Metadata["command_digest"] != "" {
			t.Errorf("event %d is stored as %s with %v", r.SequenceNumber, r.Payload, r.Metadata)
		}
		subject := r.Metadata[ports.MetadataSubject]
		if len(subject) != 32 {
			t.Errorf("event %d names the subject %q", r.SequenceNumber, subject)
		}
		back, err := to.codec.Open(r)
		if err != nil {
			t.Fatal(err)
		}
		back.Metadata = was.Metadata // it is all that differs
		if !transfer.Same(back, was) {
			t.Errorf("event %d is\n%+v, and was\n%+v", r.SequenceNumber, back, was)
		}
	}
	if report := to.importAll(t, records); report.Appended > 0 || report.Refused > 0 || report.Present != uint64(len(records)) {
		t.Errorf("the second time: %+v", report)
	}
	if !same(sorted(imported), sorted(export(t, to.Store, ports.ExportRequest{}))) {
		t.Error("the second import has changed the store")
	}

	// A repeated command gets its answer, and its id stands for no other command.
	for _, request := range requests {
		before := len(export(t, to.Store, ports.ExportRequest{}))
		if _, err := to.commands.Handle(t.Context(), request); err != nil {
			t.Errorf("%s again: %v", request.Command.Name(), err)
		}
		if after := len(export(t, to.Store, ports.ExportRequest{})); after != before {
			t.Errorf("%s again has %d events", request.Command.Name(), after-before)
		}
	}
	other := orders.Request{
		CommandID: requests[2].CommandID,
		Command:   order.ConfirmOrder{OrderID: requests[2].Command.AggregateID(), PaymentReference: "another"},
	}
	if _, err := to.commands.Handle(t.Context(), other); !errors.As(err, new(*ports.CommandIDReusedError)) {
		t.Errorf("another command with the same id: %v", err)
	}
}

func TestImport_ComparesSealedEventsOpen(t *testing.T) {
	t.Parallel()
	records, _ := plainStore(t)
	to := newSealing(t)
	to.importAll(t, records)
	for name, change := range map[string]func(*eventsourcing.Record){
		"a personal field":     func(r *eventsourcing.Record) { r.Payload = bytes.Replace(r.Payload, []byte(canary), []byte("x"), 1) },
		"something else in it": func(r *eventsourcing.Record) { r.CausationID = uuid.New() },
		"its digest": func(r *eventsourcing.Record) {
			r.Metadata = map[string]string{"command_digest": "0011223344556677"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := append([]eventsourcing.Record(nil), records...)
			change(&other[3])
			if report := to.importAll(t, other); report.Refused != 1 || report.Shown[0].AggregateID != other[3].AggregateID {
				t.Errorf("report %+v", report)
			}
		})
	}
}

func TestImport_DoesNotSealWhatWasErased(t *testing.T) {
	t.Parallel()
	records, requests := plainStore(t)
	check := func(t *testing.T, to *sealing) {
		t.Helper()
		shown := 0
		for _, r := range export(t, to.Store, ports.ExportRequest{}) {
			open, err := to.codec.Open(r)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(open.Payload, []byte(canary)) {
				if r.Metadata[ports.MetadataSubject] == string(to.ring.SubjectOf("ada")) {
					t.Errorf("event %d has %s", r.SequenceNumber, open.Payload)
				}
				shown++
			}
		}
		if shown != 2 {
			t.Errorf("%d events of the other customer can be read, want 2", shown)
		}
		if report := to.importAll(t, records); report.Refused > 0 || report.Present != uint64(len(records)) {
			t.Errorf("again: %+v", report)
		}
		for _, request := range requests[:4] {
			if _, err := to.commands.Handle(t.Context(), request); err != nil {
				t.Errorf("%s again: %v", request.Command.Name(), err)
			}
		}
	}
	t.Run("before the import", func(t *testing.T) {
		t.Parallel()
		to := newSealing(t)
		if err := to.ring.DestroySubject(t.Context(), to.ring.SubjectOf("ada")); err != nil {
			t.Fatal(err)
		}
		if report := to.importAll(t, records); report.Refused > 0 {
			t.Fatalf("report %+v", report)
		}
		for _, r := range export(t, to.Store, ports.ExportRequest{AggregateID: requests[0].Command.AggregateID()}) {
			if r.Metadata["command_digest"] != "" || r.Metadata["command_digest_hmac"] != "" {
				t.Errorf("event %d has the digest of a personal command: %v", r.SequenceNumber, r.Metadata)
			}
		}
		check(t, to)
	})
	t.Run("between two imports", func(t *testing.T) {
		t.Parallel()
		to := newSealing(t)
		to.importAll(t, records)
		if err := to.ring.DestroySubject(t.Context(), to.ring.SubjectOf("ada")); err != nil {
			t.Fatal(err)
		}
		check(t, to)
	})
}

func TestImport_DoesNotSealInPlace(t *testing.T) {
	t.Parallel()
	records, _ := plainStore(t)
	to := newSealing(t)
	imported(t, to.Store, records)
	report := to.importAll(t, records)
	if report.Refused != 2 || report.Appended > 0 || !strings.Contains(report.Shown[0].Reason, "stored without sealing") {
		t.Errorf("report %+v", report)
	}
	if !same(sorted(export(t, to.Store, ports.ExportRequest{})), sorted(records)) {
		t.Error("the store has changed")
	}
}

// The end of an export that follows has later events of an aggregate alone.
func TestImport_SealsTheRestOfAHistory(t *testing.T) {
	t.Parallel()
	records, requests := plainStore(t)
	first := requests[0].Command.AggregateID()
	var begin, rest []eventsourcing.Record
	for _, r := range records {
		if r.AggregateID == first && r.SequenceNumber > 2 {
			rest = append(rest, r)
		} else {
			begin = append(begin, r)
		}
	}
	to := newSealing(t)
	whole := append(append([]eventsourcing.Record(nil), begin...), rest...)
	dry, err := importer(to.Store, func(c *transfer.ImporterConfig) { to.config(c); c.DryRun = true }).Import(t.Context(), newSource(whole))
	if err != nil || dry.Appended != uint64(len(records)) || dry.Refused > 0 {
		t.Errorf("dry run: %+v, %v", dry, err)
	}
	to.importAll(t, begin)
	if report := to.importAll(t, rest); report.Appended != uint64(len(rest)) || report.Refused > 0 {
		t.Errorf("report %+v", report)
	}
	for _, r := range export(t, to.Store, ports.ExportRequest{AggregateID: first}) {
		if bytes.Contains(r.Payload, []byte(canary)) || r.Metadata[ports.MetadataSubject] == "" {
			t.Errorf("event %d is stored as %s with %v", r.SequenceNumber, r.Payload, r.Metadata)
		}
	}
	if report := newSealing(t).importAll(t, rest); report.Refused != 1 || report.Appended > 0 {
		t.Errorf("without its beginning: %+v", report)
	}
}
