package embedded_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"orderflow/adapters/embedded"
	"orderflow/ports"
	"orderflow/ports/porttest"
)

func openKeys(t testing.TB, dir string) *embedded.Keys {
	t.Helper()
	keys, err := embedded.OpenKeys(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := keys.Close(); err != nil {
			t.Error(err)
		}
	})
	return keys
}

func keysHarness(t testing.TB, dir string) porttest.SubjectKeysHarness {
	keys := openKeys(t, dir)
	return porttest.SubjectKeysHarness{
		Keys: keys, Eraser: keys, Erased: keys, Close: keys.Close,
		Reopen: func(t testing.TB) porttest.SubjectKeysHarness {
			if err := keys.Close(); err != nil {
				t.Fatal(err)
			}
			return keysHarness(t, dir)
		},
	}
}

func TestKeys_Contract(t *testing.T) {
	t.Parallel()
	porttest.SubjectKeys(t, func(t *testing.T) porttest.SubjectKeysHarness { return keysHarness(t, t.TempDir()) })
}

func TestKeys_belongToOneProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openKeys(t, dir)
	if _, err := embedded.OpenKeys(t.Context(), embedded.Options{Dir: dir}); !errors.Is(err, ports.ErrLocked) {
		t.Errorf("a second process opens the keys: %v", err)
	}
}

// inFiles returns the files below dir that have the bytes.
func inFiles(t *testing.T, dir string, what []byte) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, what) {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A destroyed key is in no file: neither in a log nor in a table.
func TestKeys_aDestroyedKeyIsInNoFile(t *testing.T) {
	t.Parallel()
	for name, tables := range map[string]bool{"in the log": false, "in a table": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			keys := openKeys(t, dir)
			const subject = ports.Subject("5f0c")
			wrapped := map[ports.Subject][]byte{"5f0b": nil, subject: nil, "5f0d": nil}
			for s := range wrapped {
				wrapped[s] = make([]byte, 40)
				_, _ = rand.Read(wrapped[s]) // tables are compressed, and this cannot be
				if _, err := keys.AddSubjectKey(t.Context(), s, wrapped[s]); err != nil {
					t.Fatal(err)
				}
			}
			if tables { // a start writes the log to a table
				if err := keys.Close(); err != nil {
					t.Fatal(err)
				}
				keys = openKeys(t, dir)
			}
			if len(inFiles(t, dir, wrapped[subject])) == 0 {
				t.Fatal("this test does not see the key where it is")
			}
			if err := keys.BlockSubject(t.Context(), subject); err != nil {
				t.Fatal(err)
			}
			if err := keys.DestroySubject(t.Context(), subject); err != nil {
				t.Fatal(err)
			}
			if err := keys.Close(); err != nil {
				t.Fatal(err)
			}
			if found := inFiles(t, dir, wrapped[subject]); len(found) > 0 {
				t.Errorf("the destroyed key is in %v", found)
			}
			keys = openKeys(t, dir)
			for _, other := range []ports.Subject{"5f0b", "5f0d"} {
				if got, err := keys.LoadSubjectKey(t.Context(), other); err != nil || !bytes.Equal(got, wrapped[other]) {
					t.Errorf("the key of %s is %q, error %v", other, got, err)
				}
			}
		})
	}
}
