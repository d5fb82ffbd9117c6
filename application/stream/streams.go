package stream

import (
	"context"
	"fmt"
	"slices"

	"orderflow/domain/projection"
	"orderflow/ports"
)

// Config is what [Streams] needs. All fields are required.
type Config struct {
	// Tails is the feed of Store.
	Tails    ports.FeedTail
	Store    ports.EventStore
	History  ports.HistoryPager
	Identity ports.StoreIdentity
	// Codec decodes events for the filters.
	Codec ports.Decoder
	// Properties are what streams of all aggregates can be filtered by.
	Properties []Property
}

// Property is a list that streams can be filtered by.
type Property struct {
	// Name is the name of the filter, such as customer.
	Name string
	// Projection keeps the list. The key of a list is the partition of its table, which is one
	// column. An aggregate has at most one row under each key.
	Projection *projection.Projection
}

// Streams implements [ports.EventStreams].
type Streams struct {
	config  Config
	watcher *watcher
	folds   map[string]*folds
}

var _ ports.EventStreams = (*Streams)(nil)

// New returns Streams. They work while [Streams.Run] runs.
func New(config Config) *Streams {
	s := &Streams{config: config, watcher: newWatcher(config.Tails), folds: map[string]*folds{}}
	for _, p := range config.Properties {
		s.folds[p.Name] = newFolds(config.Store, config.Codec, p.Projection)
	}
	return s
}

// Run serves streams until ctx ends. It returns nil. It may be called once.
func (s *Streams) Run(ctx context.Context) error {
	s.watcher.run(ctx)
	return nil
}

// StreamAll implements [ports.EventStreams]. A filter by a property that does not exist is an
// error.
func (s *Streams) StreamAll(ctx context.Context, request ports.StreamRequest) (ports.EventStream, error) {
	stream, err := s.all(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("stream all: %w", err)
	}
	return stream, nil
}

func (s *Streams) all(ctx context.Context, request ports.StreamRequest) (*all, error) {
	store, err := s.config.Identity.StoreID(ctx)
	if err != nil {
		return nil, err
	}
	a := &all{store: s.config.Store, ids: ids{store}, types: slices.Clone(request.Types), known: map[aggregate]known{}}
	for _, by := range request.By {
		f := s.folds[by.Property]
		if f == nil {
			return nil, fmt.Errorf("there is no filter by %q", by.Property)
		}
		a.filters = append(a.filters, filter{f, by.Key})
	}
	place := ports.PlaceNow
	switch {
	case request.After != "":
		if place, err = a.ids.place(request.After); err != nil {
			return nil, err
		}
	case request.Earliest:
		place = ports.PlaceEarliest
	}
	a.tail, err = s.config.Tails.OpenTail(ctx, place)
	return a, err
}
