package porttest

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"

	"orderflow/adapters/memory"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// brokenFinder replaces the methods that are set.
type brokenFinder struct {
	*memory.Store
	find   findCommand
	append func(ctx context.Context, a ports.Append) (ports.Appended, error)
}

type findCommand = func(ctx context.Context, id, commandID uuid.UUID) ([]eventsourcing.Record, error)

func (b brokenFinder) FindCommand(ctx context.Context, id, commandID uuid.UUID) ([]eventsourcing.Record, error) {
	if b.find == nil {
		return b.Store.FindCommand(ctx, id, commandID)
	}
	return b.find(ctx, id, commandID)
}

func (b brokenFinder) Append(ctx context.Context, a ports.Append) (ports.Appended, error) {
	if b.append == nil {
		return b.Store.Append(ctx, a)
	}
	return b.append(ctx, a)
}

func soundFinder(s *memory.Store) CommandFinderHarness {
	return CommandFinderHarness{
		Finder: s, Store: s, Close: s.Close,
		Reopen: func(testing.TB) CommandFinderHarness { return soundFinder(s.Reopen()) },
	}
}

func findsCommand(broken func(s *memory.Store) findCommand) func(*memory.Store) CommandFinderHarness {
	return func(s *memory.Store) CommandFinderHarness {
		h := soundFinder(s)
		h.Finder = brokenFinder{Store: s, find: broken(s)}
		return h
	}
}

func TestCommandFinder_IsProved(t *testing.T) {
	t.Parallel()
	const (
		every     = "every command of a history is found with all its records"
		cancelled = "an ended context stops a search"
	)
	prove(t, commandFinderScenarios(), soundFinder, []proof[CommandFinderHarness]{
		{
			broken: "finds the last command", scenario: "what no history has is not found", says: "entries, want 0",
			adapter: findsCommand(func(s *memory.Store) findCommand {
				return func(ctx context.Context, id, _ uuid.UUID) ([]eventsourcing.Record, error) {
					all, err := s.Load(ctx, id, 0)
					return all[max(len(all), 1)-1:], err
				}
			}),
		},
		{
			broken: "finds the first record only", scenario: every, says: "entries, want",
			adapter: findsCommand(func(s *memory.Store) findCommand {
				return func(ctx context.Context, id, commandID uuid.UUID) ([]eventsourcing.Record, error) {
					records, err := s.FindCommand(ctx, id, commandID)
					return records[:min(len(records), 1)], err
				}
			}),
		},
		{
			broken: "searches the last 32 records", scenario: every, says: "0 entries, want 1",
			adapter: findsCommand(func(s *memory.Store) findCommand {
				return func(ctx context.Context, id, commandID uuid.UUID) ([]eventsourcing.Record, error) {
					all, err := s.Load(ctx, id, 0)
					return eventsourcing.ByCommand(all[max(len(all), 32)-32:], commandID), err
				}
			}),
		},
		{
			broken: "is one event late", scenario: "a command is found as soon as its append is acknowledged", says: "0 entries, want 1",
			adapter: findsCommand(func(s *memory.Store) findCommand {
				return func(ctx context.Context, id, commandID uuid.UUID) ([]eventsourcing.Record, error) {
					all, err := s.Load(ctx, id, 0)
					return eventsourcing.ByCommand(all[:max(len(all), 1)-1], commandID), err
				}
			}),
		},
		{
			broken: "keeps what was refused", scenario: "an append that was refused leaves no command", says: "1 entries, want 0",
			adapter: func(s *memory.Store) CommandFinderHarness {
				tried := map[uuid.UUID][]eventsourcing.Record{}
				h := soundFinder(s)
				b := brokenFinder{
					Store: s,
					find: func(_ context.Context, _, commandID uuid.UUID) ([]eventsourcing.Record, error) {
						return tried[commandID], nil
					},
					append: func(ctx context.Context, a ports.Append) (ports.Appended, error) {
						tried[a.CommandID] = a.Records
						return s.Append(ctx, a)
					},
				}
				h.Finder, h.Store = b, b
				return h
			},
		},
		{
			broken: "knows commands without their aggregates", scenario: "a command id belongs to one aggregate", says: "want",
			adapter: findsCommand(func(s *memory.Store) findCommand {
				return func(ctx context.Context, id, commandID uuid.UUID) ([]eventsourcing.Record, error) {
					heads, err := s.ScanHeads(ctx, "", 100)
					for _, h := range heads.Heads {
						if records, _ := s.FindCommand(ctx, h.AggregateID, commandID); len(records) > 0 {
							return records, nil
						}
					}
					return nil, err
				}
			}),
		},
		{
			broken: "shares memory", scenario: "memory is not shared with finders", says: "command",
			adapter: findsCommand(func(s *memory.Store) findCommand {
				kept := map[uuid.UUID][]eventsourcing.Record{}
				return func(ctx context.Context, id, commandID uuid.UUID) ([]eventsourcing.Record, error) {
					if kept[commandID] == nil {
						kept[commandID], _ = s.FindCommand(ctx, id, commandID)
					}
					return slices.Clone(kept[commandID]), nil
				}
			}),
		},
		{
			broken: "searches although the context has ended", scenario: cancelled, says: "FindCommand with an ended context: error <nil>",
			adapter: findsCommand(func(s *memory.Store) findCommand {
				return func(ctx context.Context, id, commandID uuid.UUID) ([]eventsourcing.Record, error) {
					return s.FindCommand(context.WithoutCancel(ctx), id, commandID)
				}
			}),
		},
		{
			broken: "can be used after close", scenario: "a closed store refuses a search", says: "FindCommand after close: error <nil>",
			adapter: func(s *memory.Store) CommandFinderHarness {
				h := soundFinder(s)
				h.Close = func() error { return nil }
				return h
			},
		},
		{
			broken: "forgets in a restart", scenario: "a restart loses no command", says: "0 entries, want 2",
			adapter: func(s *memory.Store) CommandFinderHarness {
				h := soundFinder(s)
				h.Reopen = func(testing.TB) CommandFinderHarness {
					if err := s.Close(); err != nil {
						return CommandFinderHarness{}
					}
					return soundFinder(memory.New(memory.Options{}))
				}
				return h
			},
		},
	})
}
