package pace

import (
	"context"
	"errors"
	"testing"
	"time"
)

// limited sustains every rate up to one.
type limited struct {
	most, handled float64
	probes        int
	err           error
}

func (l *limited) Probe(_ context.Context, rate float64, lasts time.Duration) (Probe, error) {
	l.probes++
	p := Probe{Rate: rate, Lasted: lasts}
	if rate > l.most {
		p.AtEnd = time.Duration((rate/l.most - 1) * float64(lasts))
	}
	return p, l.err
}

func (l *limited) Flood(context.Context, int) (answered, handled float64, err error) {
	return 3 * l.most, l.handled, nil
}

func TestSearch_FindsTheHighestRate(t *testing.T) {
	t.Parallel()
	search := Search{Flood: 1, Lasts: 10 * time.Second, Probes: 12}
	for _, handled := range []float64{500, 900, 1000, 1100, 2500} {
		system := &limited{most: 1000, handled: handled}
		found, err := search.Most(t.Context(), system)
		if err != nil || found.Rate > 1030 || found.Rate < 1000/precise || found.Answered != 3000 {
			t.Errorf("starting at %v: found %+v, %v", handled, found, err)
		}
	}
}

func TestSearch_EndsAfterItsProbes(t *testing.T) {
	t.Parallel()
	system := &limited{most: 1, handled: 1000}
	found, err := Search{Lasts: time.Second, Probes: 3}.Most(t.Context(), system)
	if err != nil || found.Rate != 0 || system.probes != 3 {
		t.Errorf("found %+v, %v, after %d probes", found, err, system.probes)
	}
	system.err = errors.New("gone")
	if _, err := (Search{Probes: 3}).Most(t.Context(), system); !errors.Is(err, system.err) {
		t.Errorf("got %v", err)
	}
}

func TestProbe_IsSustainedWithinTheBounds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		probe Probe
		want  bool
	}{
		{Probe{Late: Bound, Behind: Bound, AtEnd: boundAtEnd}, true},
		{Probe{Late: Bound + 1}, false},
		{Probe{Behind: Bound + 1}, false},
		{Probe{AtEnd: boundAtEnd + 1}, false},
	} {
		if got := tt.probe.Sustained(); got != tt.want {
			t.Errorf("%+v: got %v", tt.probe, got)
		}
	}
}
