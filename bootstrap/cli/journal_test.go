package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func open(t *testing.T, path string) *journal {
	t.Helper()
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.close() })
	return j
}

func TestJournal(t *testing.T) {
	t.Parallel()

	t.Run("remembers answers across runs, with anything in them", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j")
		refusal := "order_not_active: a \"quoted\" reason\nof two lines, ünïcode"
		first := open(t, path)
		for n, text := range map[int]string{1: "", 7: refusal} {
			if err := first.record(n, []byte("line"), text); err != nil {
				t.Fatal(err)
			}
		}
		first.close()
		again := open(t, path)
		for n, want := range map[int]string{1: "", 7: refusal} {
			if a, ok, err := again.before(n, []byte("line")); !ok || err != nil || a.refusal != want {
				t.Errorf("line %d: %+v, %v, %v", n, a, ok, err)
			}
		}
		if _, ok, err := again.before(2, []byte("line")); ok || err != nil {
			t.Errorf("a line without an answer: %v, %v", ok, err)
		}
	})

	t.Run("refuses an input that has changed", func(t *testing.T) {
		t.Parallel()
		j := open(t, filepath.Join(t.TempDir(), "j"))
		if err := j.record(3, []byte("then"), ""); err != nil {
			t.Fatal(err)
		}
		j.close()
		again := open(t, j.file.Name())
		if _, _, err := again.before(3, []byte("now")); err == nil || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("err = %v", err)
		}
	})

	t.Run("cuts off an entry that was torn, wherever it was torn", func(t *testing.T) {
		t.Parallel()
		whole := "1 a \"\"\n2 b \"no\"\n"
		for cut := range len(whole) {
			path := filepath.Join(t.TempDir(), "j")
			if err := os.WriteFile(path, []byte(whole[:cut]), 0o600); err != nil {
				t.Fatal(err)
			}
			j := open(t, path)
			if want := strings.Count(whole[:cut], "\n"); len(j.done) != want {
				t.Fatalf("cut at %d: %d entries, want %d", cut, len(j.done), want)
			}
			if err := j.record(9, nil, ""); err != nil {
				t.Fatal(err)
			}
			j.close()
			if again := open(t, path); len(again.done) != len(j.done)+1 {
				t.Fatalf("cut at %d: %d entries after one more", cut, len(again.done))
			}
		}
	})

	t.Run("names a file that is no journal", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, []byte("{\"command\":\"create_order\"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openJournal(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("err = %v", err)
		}
	})

	t.Run("without a path keeps nothing", func(t *testing.T) {
		t.Parallel()
		j := open(t, "")
		if err := j.record(1, nil, ""); err != nil {
			t.Error(err)
		}
		if _, ok, err := j.before(1, nil); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
	})
}
