package cloudevents

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"orderflow/ports"
)

// identitySuffix is appended to the name of the file of events. The result is the name of the file
// with its identity.
const identitySuffix = ".id"

// incarnation is the content of the identity file. The fields other than ID report whether the file
// of events is still the one that got the id.
type incarnation struct {
	ID string `json:"id"`
	// Device and Inode identify the file within its machine. They are 0 where the system does not
	// provide them.
	Device uint64 `json:"device,omitempty"`
	Inode  uint64 `json:"inode,omitempty"`
	// First is a digest of the first line. It is empty while there is none.
	First string `json:"first,omitempty"`
}

// ReadIdentity returns the identity of the file at path, as [Publisher.Identity] does, without
// opening the file for a publisher. It returns "" when nothing was ever published to the file.
//
// Errors: [ports.ErrCorrupt]; errors of the file system.
func ReadIdentity(path string) (string, error) {
	known, err := readIncarnation(path)
	if err != nil || known.ID != "" {
		return known.ID, err
	}
	h, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	first, err := firstLine(h)
	if err != nil || first == "" {
		return "", errors.Join(err, h.Close())
	}
	return derived(first), h.Close()
}

// identify checks whether the open file is the one that got its identity, and gives it another
// identity if not. created says that the file has just been created.
func (f *file) identify(created bool) error {
	known, err := readIncarnation(f.path)
	if err != nil {
		return err
	}
	info, err := f.handle.Stat()
	if err != nil {
		return err
	}
	now := incarnation{ID: known.ID}
	now.Device, now.Inode, _ = inodeOf(info)
	if now.First, err = firstLine(f.handle); err != nil {
		return err
	}
	switch {
	case known.ID == "" && now.First == "":
		now.ID = uuid.NewString()
	case known.ID == "": // written by an earlier version, which had no identities
		now.ID = derived(now.First)
	case known.First != "" && known.First == now.First:
	// truncated after it was copied
	case !created && known.inode() && known.Device == now.Device && known.Inode == now.Inode:
	// renamed, and this one is new
	case f.identity != "" || known.elsewhere(filepath.Dir(f.path), info):
	default:
		now.ID = uuid.NewString()
	}
	f.identity, f.first = now.ID, now.First
	if now == known {
		return nil
	}
	return writeIncarnation(f.path, now)
}

// noteFirst adds the line to the identity of a file that is about to get it as its first one, and
// returns the digest of the first line. It is not done afterwards: a process could die in between,
// and the file be rotated away, and then nothing would tell whose it was. If it fails, the inode
// alone identifies the file.
func (f *file) noteFirst(line []byte) string {
	if f.first != "" {
		return f.first
	}
	first := digest(line)
	info, err := f.handle.Stat()
	if err != nil {
		return first
	}
	now := incarnation{ID: f.identity, First: first}
	now.Device, now.Inode, _ = inodeOf(info)
	_ = writeIncarnation(f.path, now)
	return first
}

func (i incarnation) inode() bool { return i.Inode != 0 }

// elsewhere reports whether the file that got the identity is in a directory under another name
// than now. Programs that rotate files do that. The inode alone is not enough: the inode of a
// deleted file is given to the next new file, which may be any.
func (i incarnation) elsewhere(dir string, now fs.FileInfo) bool {
	entries, err := os.ReadDir(dir)
	if err != nil || !i.inode() || i.First == "" {
		return false
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || os.SameFile(info, now) {
			continue
		}
		if device, inode, _ := inodeOf(info); device == i.Device && inode == i.Inode {
			return i.begins(filepath.Join(dir, entry.Name()))
		}
	}
	return false
}

// begins reports whether the file at path begins with the line that is a part of the identity.
func (i incarnation) begins(path string) bool {
	h, err := os.Open(path)
	if err != nil {
		return false
	}
	first, err := firstLine(h)
	return errors.Join(err, h.Close()) == nil && first == i.First
}

func readIncarnation(path string) (incarnation, error) {
	content, err := os.ReadFile(path + identitySuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return incarnation{}, nil
	}
	if err != nil {
		return incarnation{}, err
	}
	var i incarnation
	if err := json.Unmarshal(content, &i); err != nil || i.ID == "" {
		return incarnation{}, fmt.Errorf("%w: %s does not hold an identity; delete it, and the publisher begins with a new one",
			ports.ErrCorrupt, path+identitySuffix)
	}
	return i, nil
}

// writeIncarnation writes the file atomically and durably.
func writeIncarnation(path string, i incarnation) error {
	content, err := json.Marshal(i)
	if err != nil {
		return err
	}
	name := path + identitySuffix
	f, err := os.OpenFile(name+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, privateFile)
	if err != nil {
		return err
	}
	_, err = f.Write(append(content, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// firstLine returns a digest of the first line. It returns "" when there is no complete line.
func firstLine(h io.ReaderAt) (string, error) {
	// A page is nearly always enough. No line is longer than an event.
	for length := 4 << 10; ; length = maxEvent {
		line := make([]byte, length)
		n, err := h.ReadAt(line, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if end := bytes.IndexByte(line[:n], '\n'); end >= 0 {
			return digest(line[:end+1]), nil
		}
		if n < length || length == maxEvent {
			return "", nil
		}
	}
}

// digest returns a digest of a line.
func digest(line []byte) string { return uuid.NewSHA1(uuid.Nil, line).String() }

// derived returns the id of a file that had lines before it had an identity.
func derived(first string) string { return uuid.NewSHA1(uuid.Nil, []byte(first)).String() }
