package embedded

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/ports"
)

// A seal is the file that a clean shutdown leaves behind: the names and sizes of all files of the store, and the checksums of
// those that Pebble would read up to the first error without complaint. Tables carry a checksum a block, and Pebble checks
// these on every read.

const sealHeader = "orderflow seal 1\n"

// sealOf describes the files in the directory of Pebble.
func sealOf(fs vfs.FS, dir string) ([]byte, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	seal := []byte(sealHeader)
	for _, name := range names {
		if name == "LOCK" {
			continue
		}
		line, err := sealLine(fs, fs.PathJoin(dir, name), name)
		if err != nil {
			return nil, err
		}
		seal = append(seal, line...)
	}
	return fmt.Appendf(seal, "end %08x\n", crc32.Checksum(seal, castagnoli)), nil
}

func sealLine(fs vfs.FS, path, name string) (string, error) {
	if strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob") {
		info, err := fs.Stat(path)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s %d\n", name, info.Size()), nil
	}
	content, err := readFile(fs, path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %d %08x\n", name, len(content), crc32.Checksum(content, castagnoli)), nil
}

// checkSeal compares the directory of Pebble with the seal, if there is one. It returns whether there is.
func checkSeal(fs vfs.FS, dir, pebbleDir string) (sealed bool, err error) {
	path := fs.PathJoin(dir, sealName)
	seal, err := readFile(fs, path)
	if isNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	body, _, _ := bytes.Cut(seal, []byte("end "))
	if !bytes.Equal(seal, fmt.Appendf(slices.Clone(body), "end %08x\n", crc32.Checksum(body, castagnoli))) {
		return false, fmt.Errorf("%w: %s: wrong checksum; %s", ports.ErrCorrupt, path, wayOut)
	}
	found, err := sealOf(fs, pebbleDir)
	if err != nil && !isNotExist(err) {
		return false, err
	}
	if line := firstDifference(seal, found); line != "" {
		return false, fmt.Errorf("%w: %s changed since the clean shutdown: %s; %s", ports.ErrCorrupt, pebbleDir, line, wayOut)
	}
	return true, nil
}

// firstDifference names the first file on which two seals differ.
func firstDifference(want, got []byte) string {
	wanted, found := map[string]string{}, map[string]string{}
	for seal, files := range map[*[]byte]map[string]string{&want: wanted, &got: found} {
		for line := range strings.Lines(string(*seal)) {
			name, _, _ := strings.Cut(line, " ")
			files[name] = strings.TrimSpace(line)
		}
	}
	delete(wanted, "end")
	delete(found, "end")
	for line := range strings.Lines(string(want)) {
		name, _, _ := strings.Cut(line, " ")
		switch is, there := found[name]; {
		case name == "end":
		case !there:
			return name + " is missing"
		case is != wanted[name]:
			return fmt.Sprintf("%q is now %q", wanted[name], is)
		}
		delete(found, name)
	}
	for name := range found {
		return name + " was added"
	}
	return ""
}

// seal writes the seal. The removals of Pebble are made durable first: after a power cut, a file that is back would pass for one
// that somebody has added.
func (s *Store) seal() error {
	if err := syncDir(s.fs, s.pebbleDir); err != nil {
		return err
	}
	seal, err := sealOf(s.fs, s.pebbleDir)
	if err != nil {
		return err
	}
	return writeFile(s.fs, s.dir, sealName, seal)
}

// breakSeal removes the seal durably, before anything changes.
func breakSeal(fs vfs.FS, dir string) error {
	if err := fs.Remove(fs.PathJoin(dir, sealName)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}
