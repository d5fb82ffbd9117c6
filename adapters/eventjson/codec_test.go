package eventjson_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func TestCodec_WritesTheNewestVersionAndReadsEveryOne(t *testing.T) {
	t.Parallel()
	want := envelope[account]("account", deposited{300})
	got, err := accounts().Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(record("account", "account.deposited", 2, `{"cents":300}`), got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	for _, r := range []eventsourcing.Record{got, record("account", "account.deposited", 1, `{"euros":3}`)} {
		event, err := accounts().Decode(r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, event, cmp.AllowUnexported(deposited{})); diff != "" {
			t.Errorf("version %d (-want +got):\n%s", r.EventVersion, diff)
		}
	}
}

func TestCodec_EncodeRefusesAnotherAggregateType(t *testing.T) {
	t.Parallel()
	for _, aggregateType := range []string{"", "door", "Account", "accounts"} {
		_, err := accounts().Encode(envelope[account](aggregateType, closed{}))
		if err == nil || !strings.Contains(err.Error(), "not account") {
			t.Errorf("%q: error %v, want one that names both types", aggregateType, err)
		}
	}
}

// A record of another aggregate type is not read, whatever its payload is. It is not an event of a
// newer program: it is in the wrong history, or the caller has used the wrong codec.
func TestCodec_DecodeRefusesAnotherAggregateType(t *testing.T) {
	t.Parallel()
	for _, aggregateType := range []string{"", "door"} {
		wrong := record(aggregateType, "account.closed", 1, `{}`)
		_, err := accounts().Decode(wrong)
		var decode *ports.DecodeError
		if !errors.As(err, &decode) || !errors.Is(err, ports.ErrCorrupt) || errors.Is(err, ports.ErrNewer) {
			t.Fatalf("%q: error %v, want a *ports.DecodeError of a corrupt record", aggregateType, err)
		}
		if decode.EventID != wrong.EventID || !strings.Contains(decode.Err.Error(), "not account") {
			t.Errorf("%q: %+v", aggregateType, decode)
		}
	}
}

func TestCodec_DecodeTellsWhatANewerProgramWrote(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		record eventsourcing.Record
		newer  bool
	}{
		"an unknown event type":         {record("account", "account.frozen", 1, `{}`), true},
		"a newer version":               {record("account", "account.deposited", 3, `{}`), true},
		"version 0":                     {record("account", "account.deposited", 0, `{}`), false},
		"a field that is missing":       {record("account", "account.deposited", 2, `{}`), false},
		"a field that is missing in v1": {record("account", "account.deposited", 1, `{}`), false},
	} {
		_, err := accounts().Decode(test.record)
		if !errors.Is(err, ports.ErrCorrupt) || errors.Is(err, ports.ErrNewer) != test.newer {
			t.Errorf("%s: %v; newer: want %t", name, err, test.newer)
		}
	}
}
