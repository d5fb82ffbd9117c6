package decisions_test

import (
	"testing"
	"time"

	"orderflow/application/decisions"
	"orderflow/ports"
)

// Settle decides about generations that programs of other versions have left.
func TestSubject_Settle(t *testing.T) {
	t.Parallel()
	generation := func(number, version int) ports.Generation { return ports.Generation{Number: number, Version: version} }
	none := ports.Generation{}
	for name, tt := range map[string]struct {
		live, next, previous             ports.Generation
		wantLive, wantNext, wantPrevious ports.Generation
		behind                           bool
	}{
		"nothing to do": {
			generation(1, 2), none, none,
			generation(1, 2), none, none, false,
		},
		"its own generation is being built": {
			generation(1, 2), generation(5, 2), none,
			generation(1, 2), generation(5, 2), none, false,
		},
		"something is being dropped": {
			generation(1, 2), generation(5, 0), none,
			generation(1, 2), generation(5, 0), none, false,
		},
		"a newer program came and went": {
			generation(1, 2), generation(5, 3), none,
			generation(1, 2), generation(5, 0), none, true,
		},
		"an older program went back, and this one is the newer one": {
			generation(5, 2), generation(1, 1), none,
			generation(5, 2), generation(1, 0), none, true,
		},
		"the program is new": {
			generation(1, 1), none, none,
			generation(1, 1), generation(8, 2), none, false,
		},
		"the program went back": {
			generation(5, 3), none, generation(1, 2),
			generation(5, 3), generation(1, 2), none, false,
		},
		"the program went back while a third one was at work": {
			generation(5, 3), generation(6, 4), generation(1, 2),
			generation(5, 3), generation(1, 2), generation(6, 0), false,
		},
		"a third program was at work": {
			generation(5, 3), generation(6, 4), none,
			generation(5, 3), generation(6, 0), none, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record := ports.ConsumerRecord{Name: "view", Revision: 7, Live: tt.live, Next: tt.next, Previous: tt.previous}
			_, behind := decisions.Subject{Name: "view", Version: 2, View: true, Now: time.Now}.Settle(&record)
			want := ports.ConsumerRecord{
				Name: "view", Revision: 7, Live: tt.wantLive, Next: tt.wantNext, Previous: tt.wantPrevious, CatchingUp: tt.behind,
			}
			if record != want || behind != tt.behind {
				t.Errorf("got  %+v, behind %t\nwant %+v, behind %t", record, behind, want, tt.behind)
			}
		})
	}
}

// What a publisher has published does not depend on the version.
func TestSubject_SettleOfAPublisher(t *testing.T) {
	t.Parallel()
	record := ports.ConsumerRecord{Live: ports.Generation{Number: 1, Version: 1}}
	_, behind := decisions.Subject{Version: 2}.Settle(&record)
	if record.Live.Version != 2 || record.CatchingUp || behind {
		t.Errorf("got %+v, behind %t", record, behind)
	}
}
