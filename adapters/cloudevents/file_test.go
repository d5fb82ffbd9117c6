package cloudevents_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func TestOpenFile(t *testing.T) {
	t.Parallel()

	t.Run("creates the directories that lead to it", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "a", "b", "events.jsonl")
		records := history(2)
		publish(t, openFile(t, path), records...)
		if diff := cmp.Diff(records, decodeFile(t, path)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	t.Run("appends to what is there", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		records := history(3)
		for _, r := range records {
			p := openFile(t, path)
			publish(t, p, r)
			closePublisher(t, p)
		}
		if diff := cmp.Diff(records, decodeFile(t, path)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	for name, content := range map[string]string{
		"text":                       "hello\nworld",
		"other JSON":                 `{"order":"x"}`,
		"a line break":               "\n",
		"an executable":              "\x00\x00\x00\x18ftyp",
		"an event of another source": `{"id":"1","specversion":"1.0"}` + "\n",
	} {
		t.Run("refuses a file that holds "+name+" and leaves it alone", func(t *testing.T) {
			t.Parallel()
			path := tempPath(t)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := cloudevents.OpenFile(path, cloudevents.Config{}); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want one that names the file", err)
			}
			if got := readFile(t, path); string(got) != content {
				t.Errorf("the file now holds %q", got)
			}
		})
	}

	t.Run("refuses what is not a file", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{t.TempDir(), os.DevNull} {
			if _, err := cloudevents.OpenFile(path, cloudevents.Config{}); err == nil || !strings.Contains(err.Error(), path+": not a regular file") {
				t.Errorf("%s: error %v", path, err)
			}
		}
	})

	t.Run("refuses a file whose last line has no beginning in sight", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		content := append(encoded(t, history(1)...), bytes.Repeat([]byte("x"), cloudevents.MaxEvent)...)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := cloudevents.OpenFile(path, cloudevents.Config{}); !errors.Is(err, ports.ErrCorrupt) {
			t.Errorf("error %v, want ErrCorrupt", err)
		}
	})
}

// A crash may leave any prefix of what was being written, and a power failure may leave zeros at
// the end.
func TestOpenFile_AfterCrash(t *testing.T) {
	t.Parallel()
	records := history(2)
	var whole []byte
	var ends []int
	for _, r := range records {
		whole = append(whole, encoded(t, r)...)
		ends = append(ends, len(whole))
	}
	// Every length near the beginning and near the end of a line, and some lengths between.
	var lengths []int
	for n := range len(whole) + 1 {
		if n < len(cloudevents.Opening)+3 || n%13 == 0 || (n+2)%ends[0] < 5 {
			lengths = append(lengths, n)
		}
	}
	dir := t.TempDir()
	next := newRecord(records[0].AggregateID, 3)
	for _, zeros := range []int{0, 7} {
		for _, length := range lengths {
			path := filepath.Join(dir, fmt.Sprintf("%d-%d", zeros, length))
			content := append(bytes.Clone(whole[:length]), make([]byte, zeros)...)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			var want []eventsourcing.Record
			for i, end := range ends {
				// a line that lacks only its newline is completed
				if length >= end || length == end-1 && zeros == 0 {
					want = append(want, records[i])
				}
			}
			p, err := cloudevents.OpenFile(path, cloudevents.Config{})
			if zeros > 0 && length < len(cloudevents.Opening) { // too short to be recognised
				if err == nil {
					t.Fatalf("%d bytes and %d zeros: no error", length, zeros)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%d bytes and %d zeros: %v", length, zeros, err)
			}
			publish(t, p, next)
			closePublisher(t, p)
			if diff := cmp.Diff(append(want, next), decodeFile(t, path)); diff != "" {
				t.Fatalf("%d bytes and %d zeros (-want +got):\n%s", length, zeros, diff)
			}
		}
	}
}

func TestFile_ConcurrentPublishers(t *testing.T) {
	t.Parallel()

	t.Run("keep the order of each aggregate", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		p := openFile(t, path)
		want := make(map[uuid.UUID][]eventsourcing.Record)
		var publishers sync.WaitGroup
		for range 32 {
			records := history(20)
			want[records[0].AggregateID] = records
			publishers.Go(func() {
				for _, r := range records {
					if err := p.Publish(t.Context(), r); err != nil {
						t.Error(err)
					}
				}
			})
		}
		publishers.Wait()
		got := make(map[uuid.UUID][]eventsourcing.Record)
		for _, r := range decodeFile(t, path) {
			got[r.AggregateID] = append(got[r.AggregateID], r)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})

	t.Run("return after an fsync and share it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			path := tempPath(t)
			disk := make(chan struct{})
			syncs := 0
			p, err := cloudevents.OpenFaulty(path, &cloudevents.Faults{Sync: func() error { syncs++; <-disk; return nil }})
			if err != nil {
				t.Fatal(err)
			}
			var returned atomic.Int64
			start := func(n int) {
				for _, r := range history(n) {
					go func() {
						if err := p.Publish(t.Context(), r); err != nil {
							t.Error(err)
						}
						returned.Add(1)
					}()
				}
				synctest.Wait()
			}
			start(1)
			start(9)
			if got := returned.Load(); got != 0 {
				t.Errorf("%d calls returned before their fsync", got)
			}
			disk <- struct{}{}
			synctest.Wait()
			if got := returned.Load(); got != 1 {
				t.Errorf("%d calls returned after the first fsync, want 1", got)
			}
			disk <- struct{}{}
			synctest.Wait()
			if got := returned.Load(); got != 10 || syncs != 2 {
				t.Errorf("%d calls returned after %d fsyncs, want 10 after 2", got, syncs)
			}
			closePublisher(t, p)
		})
	})

	t.Run("fill a batch of bounded size", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			const large = cloudevents.BatchSize / 4
			disk := make(chan struct{})
			var sizes []int
			p, err := cloudevents.OpenFaulty(tempPath(t), &cloudevents.Faults{
				Write: func(b []byte) (int, error) { sizes = append(sizes, len(b)); return len(b), nil },
				Sync:  func() error { <-disk; return nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			var calls sync.WaitGroup
			for _, r := range history(13) {
				r.Payload = []byte(`"` + strings.Repeat("x", large) + `"`)
				calls.Go(func() {
					if err := p.Publish(t.Context(), r); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			close(disk)
			calls.Wait()
			closePublisher(t, p)
			if len(sizes) != 4 {
				t.Errorf("%d batches of %v bytes, want one of 1 event and three of 4", len(sizes), sizes)
			}
		})
	})
}

func TestPublisher_tellsTheLengthOfTheFile(t *testing.T) {
	t.Parallel()
	path, records := tempPath(t), history(4)
	p := openFile(t, path)
	for i, want := range []int{0, 1, 2} {
		if got := len(encoded(t, records[:want]...)); p.Size() != int64(got) {
			t.Errorf("%d bytes with %d events, want %d", p.Size(), want, got)
		}
		publish(t, p, records[i])
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	publish(t, p, records[3])
	if got := len(encoded(t, records[3])); p.Size() != int64(got) {
		t.Errorf("%d bytes after a rotation, want %d", p.Size(), got)
	}
	closePublisher(t, p)
	again := openFile(t, path)
	if got := len(encoded(t, records[3])); again.Size() != int64(got) {
		t.Errorf("%d bytes after another start, want %d", again.Size(), got)
	}
	if stream := cloudevents.NewWriter(&bytes.Buffer{}, cloudevents.Config{}); stream.Size() != 0 || stream.Close() != nil {
		t.Error("a stream has a length")
	}
}
