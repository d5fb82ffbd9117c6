package porttest

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func publisherScenarios() []scenario[PublisherHarness] {
	return []scenario[PublisherHarness]{
		{"a record is in the target when publish returns", publishedAtOnce},
		{"records of one aggregate arrive in order", publishedInOrder},
		{"records of every aggregate type arrive with it", publishedTypes},
		{"aggregates published at the same time all arrive", publishedAtTheSameTime},
		{"a record may be published again", publishedAgain},
		{"a large payload arrives", publishedLarge},
		{"memory is not shared with callers", publisherMemory},
		{"an ended context stops a call before it does anything", publisherCancelled},
		{"a closed publisher refuses, and what was published stays", publisherClosed},
	}
}

func (t test) publish(publisher ports.Publisher, records ...eventsourcing.Record) {
	t.Helper()
	for _, r := range records {
		var err error
		t.within("Publish", func(ctx context.Context) { err = publisher.Publish(ctx, r) })
		t.must(fmt.Sprintf("publish %s", placeOf(r)), err)
	}
}

// published returns the records of one aggregate in the target, without the fields that a target
// need not keep.
func (t test) published(h PublisherHarness, aggregateID uuid.UUID) []eventsourcing.Record {
	t.Helper()
	var found []eventsourcing.Record
	for _, r := range h.Published(t.TB) {
		if r.AggregateID == aggregateID {
			found = append(found, essence(r))
		}
	}
	return found
}

// essence removes the fields of a record that a target need not keep.
func essence(r eventsourcing.Record) eventsourcing.Record {
	return eventsourcing.Record{
		Header: eventsourcing.Header{
			AggregateType: r.AggregateType,
			EventID:       r.EventID, AggregateID: r.AggregateID, SequenceNumber: r.SequenceNumber, CreatedAt: r.CreatedAt,
		},
		EventType: r.EventType,
		Payload:   r.Payload,
	}
}

// expectPublished checks that the target has exactly these records of their aggregate, in this
// order.
func (t test) expectPublished(h PublisherHarness, want []eventsourcing.Record) {
	t.Helper()
	wanted := make([]eventsourcing.Record, len(want))
	for i, r := range want {
		wanted[i] = essence(r)
	}
	if diff := firstDiffer(t.published(h, want[0].AggregateID), wanted); diff != "" {
		t.Fatalf("published: %s", diff)
	}
}

func publishedAtOnce(t test, h PublisherHarness) {
	records := command(newID(), 0, 5).Records
	for i, r := range records {
		t.publish(h.Publisher, r)
		t.expectPublished(h, records[:i+1])
	}
}

func publishedTypes(t test, h PublisherHarness) {
	var all [][]eventsourcing.Record
	for _, name := range everyType() {
		records := ofType(command(newID(), 0, 2), name).Records
		all = append(all, records)
		t.publish(h.Publisher, records...)
	}
	for _, records := range all {
		t.expectPublished(h, records)
	}
}

func publishedInOrder(t test, h PublisherHarness) {
	a, b := command(newID(), 0, 50).Records, command(newID(), 0, 50).Records
	for i := range a {
		t.publish(h.Publisher, a[i], b[i])
	}
	t.expectPublished(h, a)
	t.expectPublished(h, b)
}

func publishedAtTheSameTime(t test, h PublisherHarness) {
	const each = 20
	histories := make([][]eventsourcing.Record, t.Writers)
	for i := range histories {
		histories[i] = command(newID(), 0, each).Records
	}
	t.together(t.Writers, "aggregates published at the same time", func(ctx context.Context, i int) error {
		for _, r := range histories[i] {
			if err := h.Publisher.Publish(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
	for _, history := range histories {
		t.expectPublished(h, history)
	}
}

// publishedAgain publishes records twice, as after a crash. A target may drop the second copy.
func publishedAgain(t test, h PublisherHarness) {
	records := command(newID(), 0, 2).Records
	t.publish(h.Publisher, records[0], records[1], records[1])
	got := t.published(h, records[0].AggregateID)
	if len(got) == 3 && got[2].EventID == got[1].EventID {
		got = got[:2]
	}
	if diff := firstDiffer(got, []eventsourcing.Record{essence(records[0]), essence(records[1])}); diff != "" {
		t.Fatalf("published, with the last record twice: %s", diff)
	}
}

func publishedLarge(t test, h PublisherHarness) {
	records := command(newID(), 0, 2).Records
	records[0].Payload = largeJSON()
	t.publish(h.Publisher, records...)
	t.expectPublished(h, records)
}

func publisherMemory(t test, h PublisherHarness) {
	a := command(newID(), 0, 2).Records
	want := []eventsourcing.Record{a[0].Clone(), a[1].Clone()}
	t.publish(h.Publisher, a...)
	scribble(a)
	t.expectPublished(h, want)
	scribble(h.Published(t.TB))
	t.expectPublished(h, want)
}

func publisherCancelled(t test, h PublisherHarness) {
	records := command(newID(), 0, 2).Records
	t.publish(h.Publisher, records[0])
	t.refusesCancelled(publishCall(h, records[1]))
	t.expectPublished(h, records[:1])
	t.publish(h.Publisher, records[1])
	t.expectPublished(h, records)
}

func publisherClosed(t test, h PublisherHarness) {
	records := command(newID(), 0, 2).Records
	t.publish(h.Publisher, records[0])
	t.refusesClosed(h, publishCall(h, records[1]))
	t.expectPublished(h, records[:1])
}

func publishCall(h PublisherHarness, r eventsourcing.Record) call {
	return call{"Publish", func(ctx context.Context) error { return h.Publisher.Publish(ctx, r) }}
}
