package portkit_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"orderflow/ports"
	"orderflow/ports/portkit"
)

func TestGate_DrainWaitsForThoseInside(t *testing.T) {
	t.Parallel()
	var gate portkit.Gate
	for range 2 {
		if !gate.Enter() {
			t.Fatal("an open gate lets nobody in")
		}
	}
	var left atomic.Int32
	drained := make(chan int32)
	go func() { gate.Drain(); drained <- left.Load() }()
	runtime.Gosched()
	for range 2 {
		left.Add(1)
		gate.Leave()
	}
	if n := <-drained; n != 2 {
		t.Errorf("drained after %d of 2 had left", n)
	}
	gate.Drain() // again is safe
}

func TestGate_ShutDoesNotWait(t *testing.T) {
	t.Parallel()
	var gate portkit.Gate
	gate.Enter()
	gate.Shut()
	if gate.Enter() {
		t.Error("a shut gate let a call in")
	}
	gate.Leave()
	gate.Drain()
}

func TestCursor_FitsItsListingOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		listing, place := rapid.String().Draw(t, "listing"), rapid.StringN(1, -1, -1).Draw(t, "place")
		cursor := portkit.CursorAt(listing, place)
		got, err := portkit.PlaceOf([]byte(listing), cursor)
		if err != nil || got != place {
			t.Fatalf("place %q, error %v, want %q", got, err, place)
		}
		if strings.Trim(string(cursor), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("cursor %q is not safe in a URL", cursor)
		}
		// The first bytes of a place must not pass for the last ones of a listing.
		for _, other := range []string{listing + place[:1], "x" + listing, rapid.String().Draw(t, "other")} {
			if other == listing {
				continue
			}
			if _, err := portkit.PlaceOf(other, cursor); !errors.Is(err, ports.ErrBadCursor) {
				t.Fatalf("a cursor of %q fits %q: error %v", listing, other, err)
			}
		}
		broken := []byte(cursor)
		broken[rapid.IntRange(0, len(broken)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		if _, err := portkit.PlaceOf(listing, ports.Cursor(broken)); !errors.Is(err, ports.ErrBadCursor) {
			t.Fatalf("a changed cursor fits: error %v", err)
		}
	})
}

func TestCursor_TheEmptyOneIsTheBeginning(t *testing.T) {
	t.Parallel()
	if place, err := portkit.PlaceOf("listing", ""); place != "" || err != nil {
		t.Errorf("place %q, error %v", place, err)
	}
	if _, err := portkit.PlaceOf("listing", portkit.CursorAt("listing", "")); !errors.Is(err, ports.ErrBadCursor) {
		t.Errorf("a cursor without a place: error %v", err)
	}
}

func TestCheckLimit(t *testing.T) {
	t.Parallel()
	if portkit.CheckLimit(1) != nil || portkit.CheckLimit(0) == nil || portkit.CheckLimit(-1) == nil {
		t.Error("the least limit is 1")
	}
}

func TestSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := portkit.Sleep(t.Context(), time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("slept %s, error %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := portkit.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Hour+time.Minute {
			t.Errorf("slept until %s, error %v", time.Since(start), err)
		}
	})
}

func TestProtect(t *testing.T) {
	t.Parallel()
	if err := portkit.Protect(func() error { return io.EOF }); err != io.EOF {
		t.Errorf("error %v", err)
	}
	if err := portkit.Protect(func() error { return nil }); err != nil {
		t.Errorf("error %v", err)
	}
	var panicked *portkit.PanicError
	err := portkit.Protect(func() error { panic(io.ErrUnexpectedEOF) })
	if !errors.As(err, &panicked) || !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(string(panicked.Stack), "TestProtect") {
		t.Errorf("error %v", err)
	}
	if err := portkit.Protect(func() error { panic("words") }); err == nil || err.Error() != "panic: words" {
		t.Errorf("error %v", err)
	}
}

func TestAppendUUID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var id uuid.UUID
		copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		if got := string(portkit.AppendUUID([]byte("id "), id)); got != "id "+id.String() {
			t.Errorf("%q, want %q", got, "id "+id.String())
		}
	})
}
