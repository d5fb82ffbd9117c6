package datadir

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/ports"
)

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

// checkSeal compares the directory of Pebble with the seal. It returns false when there is no seal.
func checkSeal(fs vfs.FS, dir, pebbleDir string) (sealed bool, err error) {
	path := fs.PathJoin(dir, sealName)
	seal, err := readFile(fs, path)
	if IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	body, _, _ := bytes.Cut(seal, []byte("end "))
	if !bytes.Equal(seal, fmt.Appendf(slices.Clone(body), "end %08x\n", crc32.Checksum(body, castagnoli))) {
		return false, fmt.Errorf("%w: %s: wrong checksum; %s", ports.ErrCorrupt, path, WayOut)
	}
	found, err := sealOf(fs, pebbleDir)
	if err != nil && !IsNotExist(err) {
		return false, err
	}
	if line := firstDifference(seal, found); line != "" {
		return false, fmt.Errorf("%w: %s changed since the clean shutdown: %s; %s",
			ports.ErrCorrupt, pebbleDir, line, WayOut)
	}
	return true, nil
}

// firstDifference returns the first file on which two seals differ, and how.
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

// WriteSeal writes the seal of a directory that Pebble has closed. The deletions of Pebble are made
// durable first. Otherwise a deleted file could be back after a power cut, and would look like a
// file that was added.
func WriteSeal(fs vfs.FS, dir string) error {
	pebbleDir := fs.PathJoin(dir, PebbleName)
	if err := syncDir(fs, pebbleDir); err != nil {
		return err
	}
	seal, err := sealOf(fs, pebbleDir)
	if err != nil {
		return err
	}
	return writeFile(fs, dir, sealName, seal)
}

// breakSeal removes the seal durably, before anything is changed.
func breakSeal(fs vfs.FS, dir string) error {
	if err := fs.Remove(fs.PathJoin(dir, sealName)); err != nil {
		return err
	}
	return syncDir(fs, dir)
}
