package eventtest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
)

type scenarios = *eventtest.Scenarios[command, basket, event]

// lives are scenarios that a sound aggregate passes.
func lives(s scenarios) {
	full := wasPut{[]string{"pen", "ink"}}
	s.When(put{[]string{"pen", "ink"}}).Then(full)
	s.Given(full).When(put{[]string{"ink", "cap"}}).Then(wasPut{[]string{"cap"}})
	s.Given(full).When(put{[]string{"ink"}}).ThenNothing()
	s.Given(full).When(closing{}).Then(wasClosed{})
	s.Given(full, wasPut{[]string{"nib"}}).When(put{[]string{"cap"}}).Then(wasPut{[]string{"cap"}})
	s.Scenario("a closed basket").Given(full, wasClosed{}).When(put{[]string{"cap"}}).ThenRefused("basket_closed")
	s.Scenario("closing twice").Given(full, wasClosed{}).When(closing{}).ThenNothing()
}

func TestNew_AcceptsWhatIsRight(t *testing.T) {
	t.Parallel()
	lives(eventtest.New(t, sound()))
	bare := sound()
	bare.Codec, bare.Content, bare.Handle, bare.CheckRefusal = nil, nil, nil, nil
	lives(eventtest.New(t, bare))
}

func TestScenarios_RanTellsWhatWasTried(t *testing.T) {
	t.Parallel()
	s := eventtest.New(t, sound())
	s.When(closing{}).Then(wasClosed{})
	s.Given(wasPut{[]string{"pen"}}).When(put{[]string{"pen"}}).ThenNothing()
	want := []eventtest.Ran[command, basket]{
		{State: basket{}, Command: closing{}},
		{State: basket{things: []string{"pen"}}, Command: put{[]string{"pen"}}},
	}
	if diff := cmp.Diff(want, s.Ran(), cmp.AllowUnexported(basket{}, put{})); diff != "" {
		t.Errorf("ran (-want +got):\n%s", diff)
	}
}

// Each aggregate is wrong in one way, and the scenarios must find each, for that reason.
func TestScenarios_FindOut(t *testing.T) {
	t.Parallel()
	type decideFunc = func(basket, command) ([]event, error)
	decides := func(broken decideFunc) func(*aggregate) {
		return func(a *aggregate) { a.Decider.Decide, a.Handle = broken, nil }
	}
	evolves := func(broken func(basket, event) basket) func(*aggregate) {
		return func(a *aggregate) { a.Decider.Evolve, a.Handle = broken, nil }
	}
	calls := 0
	for _, test := range []struct {
		name  string
		wrong func(*aggregate)
		says  string
	}{
		{"events that are not wanted", decides(func(b basket, c command) ([]event, error) {
			events, err := decide(b, c)
			return append(events, events...), err
		}), "but (-want +got)"},
		{"a refusal that is not wanted", decides(func(basket, command) ([]event, error) {
			return nil, refusal{"too_late", "it is late"}
		}), `too_late`},
		{"another code", decides(func(b basket, c command) ([]event, error) {
			events, err := decide(b, c)
			if err != nil {
				err = refusal{"too_late", "it is late"}
			}
			return events, err
		}), `basket_closed`},
		{"an error that is no refusal", decides(func(b basket, c command) ([]event, error) {
			events, err := decide(b, c)
			if err != nil {
				err = errors.New("basket_closed")
			}
			return events, err
		}), `Error:`},
		{"events beside a refusal", decides(func(b basket, c command) ([]event, error) {
			events, err := decide(b, c)
			if err != nil {
				events = []event{wasClosed{}}
			}
			return events, err
		}), "Decide returned events and an error"},
		{"a refusal without a detail", decides(func(b basket, c command) ([]event, error) {
			events, err := decide(b, c)
			if err != nil {
				err = refusal{"basket_closed", ""}
			}
			return events, err
		}), "the refusal has no detail"},
		{"a refusal that the test does not like", func(a *aggregate) {
			a.CheckRefusal = func(command, error) error { return errors.New("never") }
		}, "the refusal is not right: never"},
		{"a decision that panics", decides(func(b basket, c command) ([]event, error) {
			if b.closed {
				panic("closed")
			}
			return decide(b, c)
		}), "Decide panicked: closed"},
		{"a decision that counts", decides(func(b basket, c command) ([]event, error) {
			if calls++; calls%2 == 0 {
				return nil, nil
			}
			return decide(b, c)
		}), "Decide gave two answers"},
		{"a decision that sorts the state", decides(func(b basket, c command) ([]event, error) {
			slices.Sort(b.things)
			return decide(b, c)
		}), "Decide has modified the state"},
		{"a decision that sorts the command", decides(func(b basket, c command) ([]event, error) {
			if c, ok := c.(put); ok {
				slices.Sort(c.things)
			}
			return decide(b, c)
		}), "Decide has modified the command"},
		{"an event that shares the memory of its command", decides(func(b basket, c command) ([]event, error) {
			if c, ok := c.(put); ok && len(b.things) == 0 {
				return []event{wasPut(c)}, nil
			}
			return decide(b, c)
		}), "is memory of the event and of the command: eventtest_test.put.things"},
		{"an event that shares the end of a list of its command", decides(func(b basket, c command) ([]event, error) {
			if c, ok := c.(put); ok && len(b.things) > 0 && !b.closed {
				return []event{wasPut{c.things[1:]}}, nil
			}
			return decide(b, c)
		}), "is memory of the event and of the command"},
		{"evolving that panics on an event that comes too late", evolves(func(b basket, e event) basket {
			if _, late := e.(wasPut); late && b.closed {
				panic("closed")
			}
			return evolve(b, e)
		}), "Evolve of eventtest_test.basket{"},
		{"evolving that writes to the list of the state", evolves(func(b basket, e event) basket {
			if len(b.things) > 0 {
				b.things[0] = "first"
			}
			return evolve(b, e)
		}), "has modified the state"},
		{"evolving that appends behind the list of the state", evolves(func(b basket, e event) basket {
			if e, ok := e.(wasPut); ok {
				b.things = append(b.things, e.things...)
				return b
			}
			return evolve(b, e)
		}), "Evolve of one state has modified another one"},
		{"evolving that counts", evolves(func(b basket, e event) basket {
			calls++
			b.things = append(slices.Clone(b.things), fmt.Sprint(calls))
			return b
		}), "gave two states"},
		{"evolving that modifies the event", evolves(func(b basket, e event) basket {
			if e, ok := e.(wasPut); ok {
				e.things[0] = "first"
			}
			return evolve(b, e)
		}), "has modified the event"},
		{
			"an event without a sample", func(a *aggregate) { a.Samples = a.Samples[:1] },
			"there is no sample of the type of eventtest_test.wasClosed{}",
		},
		{"no samples", func(a *aggregate) { a.Samples = nil }, "no samples of events"},
		{"a type that cannot be stored", func(a *aggregate) { a.Type = "Basket" }, "aggregate type"},
		{"a codec that refuses", encodes(func(e eventsourcing.Envelope[event]) (eventsourcing.Record, error) {
			return eventsourcing.Record{}, errors.New("no")
		}), "cannot be encoded: no"},
		{"a codec that loses the time", encodes(func(e eventsourcing.Envelope[event]) (eventsourcing.Record, error) {
			e.CreatedAt = e.CreatedAt.Add(1)
			return codec{}.Encode(e)
		}), "has another header"},
		{"a codec that names no version", encodes(func(e eventsourcing.Envelope[event]) (eventsourcing.Record, error) {
			r, err := codec{}.Encode(e)
			r.EventVersion = 0
			return r, err
		}), `is stored as "basket.put" version 0`},
		{"a codec that does not know what it wrote", encodes(func(e eventsourcing.Envelope[event]) (eventsourcing.Record, error) {
			r, err := codec{}.Encode(e)
			r.EventType += "s"
			return r, err
		}), "cannot be decoded"},
		{"a codec that drops a thing", encodes(func(e eventsourcing.Envelope[event]) (eventsourcing.Record, error) {
			if p, ok := e.Event.(wasPut); ok {
				e.Event = wasPut{p.things[1:]}
			}
			return codec{}.Encode(e)
		}), "comes back changed"},
		{"content that leaves something out", func(a *aggregate) {
			a.Content = func(b []byte, _ command) []byte { return b }
		}, "has the content of another one"},
		{"content that counts", func(a *aggregate) {
			a.Content = func(b []byte, _ command) []byte { calls++; return fmt.Append(b, calls) }
		}, "the command has two contents"},
		{"a runtime that forgets commands", func(a *aggregate) {
			a.Handle = func(history []eventsourcing.Envelope[event]) handler {
				handle := runtime(history)
				return func(c command, _ uuid.UUID) ([]eventsourcing.Envelope[event], error) { return handle(c, uuid.New()) }
			}
		}, "the same command id again is answered differently"},
		{"a runtime that answers with new events", func(a *aggregate) {
			a.Handle = func(history []eventsourcing.Envelope[event]) handler {
				return func(c command, id uuid.UUID) ([]eventsourcing.Envelope[event], error) { return runtime(history)(c, id) }
			}
		}, "the same command id again is answered differently"},
		{"a runtime that decides by other rules", func(a *aggregate) {
			a.Handle = func([]eventsourcing.Envelope[event]) handler {
				return runtime(nil)
			}
		}, "the runtime decides differently"},
		{"a runtime that panics", func(a *aggregate) {
			a.Handle = func([]eventsourcing.Envelope[event]) handler {
				return func(command, uuid.UUID) ([]eventsourcing.Envelope[event], error) { panic("no store") }
			}
		}, "the runtime panicked: no store"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := sound()
			test.wrong(&a)
			said := observe(func(t eventtest.T) { lives(eventtest.New(t, a)) })
			if !strings.Contains(said, test.says) {
				t.Errorf("the report does not say %q: %s", test.says, said)
			}
		})
	}
}

// encodes breaks the codec.
func encodes(broken func(eventsourcing.Envelope[event]) (eventsourcing.Record, error)) func(*aggregate) {
	return func(a *aggregate) { a.Codec = encoder{broken: broken} }
}

type encoder struct {
	codec
	broken func(eventsourcing.Envelope[event]) (eventsourcing.Record, error)
}

func (e encoder) Encode(envelope eventsourcing.Envelope[event]) (eventsourcing.Record, error) {
	return e.broken(envelope)
}

// A scenario without an end would pass without having run.
func TestScenario_WithoutAnEndFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(s scenarios){
		"no command": func(s scenarios) { s.Given(wasClosed{}) },
		"no outcome": func(s scenarios) { s.When(closing{}) },
		"a name":     func(s scenarios) { s.Scenario("a name") },
	} {
		if said := observe(func(t eventtest.T) { test(eventtest.New(t, sound())) }); !strings.Contains(said, "has no end") {
			t.Errorf("%s: %q", name, said)
		}
	}
}

// The text of a failure, as people read it.
func TestScenario_TellsWhatFailed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		tells func(s scenarios)
		want  string
	}{
		{
			"events", func(s scenarios) {
				s.Scenario("putting more").Given(wasPut{[]string{"pen"}}).When(put{[]string{"cap"}}).Then(wasPut{[]string{"pen", "cap"}})
			},
			`putting more
given  eventtest_test.wasPut{things: ["pen"]}
when   eventtest_test.put{things: ["cap"]}
then   eventtest_test.wasPut{things: ["pen", "cap"]}
but (-want +got):
`,
		},
		{
			"a refusal", func(s scenarios) { s.When(closing{}).ThenRefused("too_late") },
			`scenario
given  nothing
when   eventtest_test.closing{}
then   refused: too_late
but (-want +got):
`,
		},
		{
			"nothing", func(s scenarios) { s.Given(wasPut{nil}, wasClosed{}).When(put{[]string{"cap"}}).ThenNothing() },
			`scenario
given  eventtest_test.wasPut{things: nil}
       eventtest_test.wasClosed{}
when   eventtest_test.put{things: ["cap"]}
then   nothing
but (-want +got):
`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			said := observe(func(t eventtest.T) { test.tells(eventtest.New(t, sound())) })
			if !strings.HasPrefix(said, test.want) {
				t.Errorf("got:\n%s\nwant it to begin with:\n%s", said, test.want)
			}
			if n := strings.Count(said, "(-want +got)"); n != 1 {
				t.Errorf("%d differences, want one:\n%s", n, said)
			}
		})
	}
}

func TestScenario_WithANameIsASubtest(t *testing.T) {
	t.Parallel()
	var names []string
	group := grouped{T: t, run: func(name string) { names = append(names, name) }}
	s := eventtest.New(group, sound())
	s.Scenario("closing").When(closing{}).Then(wasClosed{})
	s.When(closing{}).Then(wasClosed{})
	if !slices.Equal(names, []string{"closing"}) {
		t.Errorf("subtests %q", names)
	}
}

type grouped struct {
	*testing.T
	run func(name string)
}

func (g grouped) Run(name string, f func(*testing.T)) bool {
	g.run(name)
	return g.T.Run(name, f)
}
