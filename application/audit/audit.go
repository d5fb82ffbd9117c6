package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

const (
	headPage = 256
	// maxShown bounds how many violations are described; all are counted.
	maxShown = 20
	// readers is how many partitions are read at once.
	readers = 4
	// between is the pause before a topic that lacks something is read again.
	between = 50 * time.Millisecond
	// again and attempts apply when brokers do not answer: the pause between attempts, and how many
	// attempts in a row may fail.
	again    = time.Second
	attempts = 60
)

// Store is what a topic is compared with.
type Store interface {
	ports.HeadScanner
	Load(ctx context.Context, aggregateID uuid.UUID, after uint64) ([]eventsourcing.Record, error)
}

// Config is what an [Auditor] needs. Fields without a stated default are required.
type Config struct {
	Store Store
	Topic ports.TopicReader
	// Compared returns the payload of an event that is compared, of the message and of the stored
	// event. It leaves out what is published in another form. Nil compares payloads as they are.
	Compared func(eventsourcing.Record) []byte
	// MaxOrders is how many aggregates are compared in one pass over the topic. The default is
	// 1,048,576, which take 48 MiB.
	MaxOrders int
	// MaxHoles is how many gaps in the histories of those aggregates can exist at one time. The
	// default is 131,072.
	MaxHoles int
	// Loads is how many histories are read at once for each partition that is being read. The
	// default is 4.
	Loads int
}

// Auditor implements [ports.TopicVerifier]. It is safe for concurrent use. Each comparison uses its
// own memory.
type Auditor struct{ config Config }

var _ ports.TopicVerifier = (*Auditor)(nil)

// New returns an Auditor.
func New(config Config) *Auditor {
	for _, limit := range []struct {
		value *int
		usual int
	}{{&config.MaxOrders, 1 << 20}, {&config.MaxHoles, 1 << 17}, {&config.Loads, 4}} {
		if *limit.value == 0 {
			*limit.value = limit.usual
		}
	}
	return &Auditor{config: config}
}

// VerifyTopic implements [ports.TopicVerifier]. On an error, the report holds what was found until
// then.
func (a *Auditor) VerifyTopic(ctx context.Context, options ports.TopicOptions) (ports.TopicReport, error) {
	if options.From < 0 && options.From != ports.FromBegin {
		return ports.TopicReport{}, fmt.Errorf("verify the topic from %d: not an offset", options.From)
	}
	c := &comparison{Config: a.config, options: options}
	for cursor := ports.Cursor(""); ; {
		ledger := newLedger(options.From == ports.FromBegin, c.MaxHoles)
		next, err := c.fill(ctx, ledger, cursor)
		if err != nil {
			return c.report, err
		}
		p := &pass{comparison: c, first: cursor == "", ledger: ledger, next: make(map[int32]int64)}
		if err := p.run(ctx); err != nil {
			return c.report, fmt.Errorf("verify the topic: %w", err)
		}
		if cursor = next; cursor == "" {
			return c.report, nil
		}
	}
}

// comparison is one comparison of all aggregates.
type comparison struct {
	Config
	options ports.TopicOptions

	// mu guards the fields below and the ledger of the current pass.
	mu          sync.Mutex
	report      ports.TopicReport
	read, total uint64
}

// fill adds the aggregates after the cursor, as many as fit into a pass. It returns the cursor for
// the next pass.
func (c *comparison) fill(ctx context.Context, l *ledger, cursor ports.Cursor) (ports.Cursor, error) {
	for {
		page, err := c.Store.ScanHeads(ctx, cursor, min(headPage, c.MaxOrders-len(l.orders)))
		if err != nil {
			return "", fmt.Errorf("list aggregates: %w", err)
		}
		for _, h := range page.Heads {
			l.add(h)
		}
		if cursor = page.Next; cursor == "" || len(l.orders) >= c.MaxOrders {
			l.open()
			return cursor, nil
		}
	}
}

// found counts and describes a violation.
func (c *comparison) found(f ports.TopicFinding, count uint64) {
	switch f.Kind {
	case ports.TopicMissing:
		c.report.Missing += count
	case ports.TopicOutOfOrder:
		c.report.OutOfOrder += count
	case ports.TopicUnknown:
		c.report.Unknown += count
	case ports.TopicScattered:
		c.report.Scattered += count
	}
	if len(c.report.Shown) < maxShown {
		c.report.Shown = append(c.report.Shown, f)
	}
}

// pass compares some of the aggregates with the whole topic.
type pass struct {
	*comparison
	// The first pass looks at every message. Later passes look only at those of their own
	// aggregates.
	first  bool
	ledger *ledger
	// next is the next offset to read in each partition.
	next map[int32]int64
}

func (p *pass) run(ctx context.Context) error {
	if err := p.readOn(ctx); err != nil {
		return err
	}
	if err := p.settle(ctx); err != nil {
		return err
	}
	p.ledger.judge(&p.report, func(head ports.Head, first, last uint64) {
		p.found(ports.TopicFinding{
			Kind: ports.TopicMissing, AggregateID: head.AggregateID, AggregateType: head.AggregateType,
			SequenceNumber: first,
			Detail:         fmt.Sprintf("%s of %d did not arrive", run{first, last + 1}, head.SequenceNumber),
		}, last-first+1)
	})
	return nil
}

// settle reads on while something is missing. It ends when no missing event has arrived for as long
// as the patience.
func (p *pass) settle(ctx context.Context) error {
	deadline := time.NewTimer(p.options.Patience)
	defer deadline.Stop()
	pause := time.NewTicker(between)
	defer pause.Stop()
	for last := false; p.ledger.missing > 0 && !last; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			last = true
		case <-pause.C:
		}
		before := p.ledger.missing
		if err := p.readOn(ctx); err != nil {
			return err
		}
		if p.ledger.missing < before {
			last = false
			deadline.Reset(p.options.Patience)
		}
	}
	return nil
}

// readOn reads what the topic holds after what was read before.
func (p *pass) readOn(ctx context.Context) error {
	ranges, err := p.ranges(ctx)
	if err != nil {
		return err
	}
	for i := range ranges {
		r := &ranges[i]
		next, known := p.next[r.Partition]
		if !known {
			if p.first && p.options.From <= r.Begin {
				p.report.Expired += uint64(r.Begin - max(p.options.From, 0))
			}
			next = min(max(p.options.From, r.Begin), r.End)
		}
		r.Begin, p.next[r.Partition] = next, r.End
		p.total += uint64(max(r.End-r.Begin, 0))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for _, r := range ranges {
		if r.Begin < r.End {
			group.Go(func() error { return p.readRange(ctx, r) })
		}
	}
	return group.Wait()
}

// ranges asks for the end offsets. When brokers do not answer the very first request, their address
// is probably wrong, so it is not retried.
func (p *pass) ranges(ctx context.Context) (ranges []ports.TopicRange, err error) {
	if p.first && len(p.next) == 0 {
		return p.Topic.Ranges(ctx)
	}
	err = persist(ctx, func() (bool, error) {
		ranges, err = p.Topic.Ranges(ctx)
		return false, err
	})
	return ranges, err
}

// readRange reads one partition, window by window.
func (p *pass) readRange(ctx context.Context, r ports.TopicRange) error {
	w := &window{pass: p, at: r.Begin}
	err := persist(ctx, func() (bool, error) {
		from := w.at
		err := p.Topic.Read(ctx, ports.TopicRange{
			Partition: r.Partition, Begin: from, End: r.End,
		}, func(m ports.TopicMessage) error {
			return w.add(ctx, m)
		})
		return w.at > from, err
	})
	if err != nil {
		return fmt.Errorf("partition %d at offset %d: %w", r.Partition, w.at, err)
	}
	w.at = r.End
	return w.flush(ctx)
}

// persist repeats work while brokers do not answer, as long as it makes progress now and then.
func persist(ctx context.Context, work func() (progress bool, err error)) error {
	for failures := 0; ; {
		progress, err := work()
		if progress {
			failures = 0
		}
		if failures++; !errors.Is(err, ports.ErrUnavailable) || failures > attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(again):
		}
	}
}
