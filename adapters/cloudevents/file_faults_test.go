package cloudevents_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

func TestFile_Faults(t *testing.T) {
	t.Parallel()
	full := func(written int) func([]byte) (int, error) {
		return func(b []byte) (int, error) { return min(written, len(b)), syscall.ENOSPC }
	}
	ioError := func() error { return syscall.EIO }
	for name, test := range map[string]struct {
		faults cloudevents.Faults
		want   error
		left   bool // whether bytes of the failed write may stay until the fault is over
	}{
		"a full disk":                        {faults: cloudevents.Faults{Write: full(0)}, want: ports.ErrUnavailable},
		"a disk that fills up within a line": {faults: cloudevents.Faults{Write: full(100)}, want: ports.ErrUnavailable},
		"a failed write that cannot be cut off": {
			faults: cloudevents.Faults{Write: full(100), Truncate: ioError}, want: ports.ErrOutcomeUnknown, left: true,
		},
		"a whole line that cannot be cut off": {
			faults: cloudevents.Faults{Write: full(1 << 20), Truncate: ioError}, want: ports.ErrOutcomeUnknown, left: true,
		},
		"a failed sync whose repair cannot be synced": {faults: cloudevents.Faults{Sync: ioError}, want: ports.ErrOutcomeUnknown},
	} {
		t.Run(name+" does no harm and can be overcome", func(t *testing.T) {
			t.Parallel()
			path := tempPath(t)
			records := history(3)
			publish(t, openFile(t, path), records[0])
			faults := test.faults
			p, err := cloudevents.OpenFaulty(path, &faults)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Publish(t.Context(), records[1]); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if err := p.Publish(t.Context(), records[1]); !isRetryable(err) {
				t.Errorf("second error %v, want a retryable one", err)
			}
			if !test.left {
				if diff := cmp.Diff(records[:1], decodeFile(t, path)); diff != "" {
					t.Errorf("after the failure (-want +got):\n%s", diff)
				}
			}
			faults = cloudevents.Faults{}
			publish(t, p, records[1:]...)
			closePublisher(t, p)
			if diff := cmp.Diff(records, decodeFile(t, path)); diff != "" {
				t.Errorf("after the recovery (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("a failed sync is not believed when it succeeds later", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		records := history(2)
		var syncs, truncates int
		p, err := cloudevents.OpenFaulty(path, &cloudevents.Faults{
			Sync: func() error {
				if syncs++; syncs == 1 {
					return syscall.EIO
				}
				return nil
			},
			Truncate: func() error { truncates++; return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Publish(t.Context(), records[0]); !errors.Is(err, ports.ErrUnavailable) || !errors.Is(err, syscall.EIO) {
			t.Errorf("error %v, want ErrUnavailable and its cause", err)
		}
		if got := readFile(t, path); len(got) > 0 || truncates != 1 {
			t.Errorf("the file holds %q after %d truncations, want nothing after 1", got, truncates)
		}
		publish(t, p, records...)
		closePublisher(t, p)
		if diff := cmp.Diff(records, decodeFile(t, path)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestFile_Rotation(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rotate func(path, old string) error
		// old and fresh are how many of the first three records are in the old file and in the file
		// at the path.
		old, fresh int
	}{
		"rename": {rotate: os.Rename, old: 3},
		"copy and truncation": {rotate: func(path, old string) error {
			b, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(old, b, 0o600), os.Truncate(path, 0))
		}, old: 3},
		"replacement by a copy": {rotate: func(path, old string) error {
			b, err := os.ReadFile(path)
			return errors.Join(err, os.Rename(path, old), os.WriteFile(path, b, 0o600))
		}, old: 3, fresh: 3},
		"loss of its last newline": {rotate: func(path, _ string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return os.Truncate(path, info.Size()-1)
		}, fresh: 3},
	} {
		t.Run("goes on after "+name, func(t *testing.T) {
			t.Parallel()
			path, old := filepath.Join(t.TempDir(), "sub", "events.jsonl"), tempPath(t)
			records := history(5)
			p := openFile(t, path)
			publish(t, p, records[:3]...)
			if err := test.rotate(path, old); err != nil {
				t.Fatal(err)
			}
			publish(t, p, records[3:]...)
			if test.old > 0 {
				if diff := cmp.Diff(records[:test.old], decodeFile(t, old)); diff != "" {
					t.Errorf("old file (-want +got):\n%s", diff)
				}
			}
			want := append(append([]eventsourcing.Record{}, records[:test.fresh]...), records[3:]...)
			if diff := cmp.Diff(want, decodeFile(t, path)); diff != "" {
				t.Errorf("file at the path (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("waits while the path is taken by something else", func(t *testing.T) {
		t.Parallel()
		path := tempPath(t)
		records := history(2)
		p := openFile(t, path)
		publish(t, p, records[0])
		if err := os.WriteFile(path, []byte("something else\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := p.Publish(context.Background(), records[1]); !errors.Is(err, ports.ErrUnavailable) {
				t.Errorf("error %v, want ErrUnavailable", err)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		publish(t, p, records[1])
		if diff := cmp.Diff(records[1:], decodeFile(t, path)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
