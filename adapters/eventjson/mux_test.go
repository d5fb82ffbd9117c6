package eventjson_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/eventjson"
	"orderflow/ports"
)

func both() *eventjson.Mux {
	var mux eventjson.Mux
	eventjson.Register(&mux, accounts())
	eventjson.Register(&mux, doors())
	return &mux
}

func TestMux_SendsEachEventToTheCodecOfItsType(t *testing.T) {
	t.Parallel()
	for aggregateType, test := range map[string]struct {
		event   any
		payload string
	}{
		"account": {deposited{5}, `{"cents":5}`},
		"door":    {opened{"ada"}, `{"by":"ada"}`},
	} {
		want := envelope(aggregateType, test.event)
		stored, err := both().Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		if string(stored.Payload) != test.payload || stored.AggregateType != aggregateType {
			t.Errorf("%s is stored as %s of %s", aggregateType, stored.Payload, stored.AggregateType)
		}
		got, err := both().Decode(stored)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(deposited{}, opened{})); diff != "" {
			t.Errorf("event (-want +got):\n%s", diff)
		}
	}
}

func TestMux_ReadsOldVersions(t *testing.T) {
	t.Parallel()
	got, err := both().Decode(record("account", "account.deposited", 1, `{"euros":3}`))
	if err != nil || got.Event != any(deposited{300}) {
		t.Errorf("got %+v, %v", got.Event, err)
	}
}

// The event names of one aggregate type have no meaning in another one.
func TestMux_DoesNotMixUpTypes(t *testing.T) {
	t.Parallel()
	if _, err := both().Decode(record("door", "account.closed", 1, `{}`)); !errors.Is(err, ports.ErrCorrupt) {
		t.Errorf("an event type of another aggregate type: %v", err)
	}
	_, err := both().Encode(envelope("door", any(closed{})))
	if err == nil || !strings.Contains(err.Error(), "not an event of aggregate type door") {
		t.Errorf("an event of another aggregate type: %v", err)
	}
	if _, err := both().Encode(envelope[any]("door", nil)); err == nil {
		t.Error("no event at all was encoded")
	}
}

// An unknown aggregate type may be one that a newer version of the program has added.
func TestMux_DoesNotKnowEveryType(t *testing.T) {
	t.Parallel()
	for name, mux := range map[string]*eventjson.Mux{"zero": {}, "with others": both()} {
		unknown := record("car", "car.sold", 1, `{}`)
		_, err := mux.Decode(unknown)
		var decode *ports.DecodeError
		if !errors.As(err, &decode) || !errors.Is(err, ports.ErrNewer) || decode.EventID != unknown.EventID {
			t.Errorf("%s: decode: %v, want a *ports.DecodeError of a newer program", name, err)
		}
		_, err = mux.Encode(envelope[any]("car", 1))
		if err == nil || !strings.Contains(err.Error(), `unknown aggregate type "car"`) {
			t.Errorf("%s: encode: %v", name, err)
		}
	}
}

func TestRegister_PanicsOnASecondCodecForOneType(t *testing.T) {
	t.Parallel()
	mux := both()
	defer func() {
		if p := fmt.Sprint(recover()); !strings.Contains(p, "a second codec for aggregate type door") {
			t.Errorf("panic: %s", p)
		}
	}()
	eventjson.Register(mux, doors())
}
