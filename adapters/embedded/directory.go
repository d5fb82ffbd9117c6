package embedded

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/ports"
)

// The files in the directory of a store.
const (
	versionName   = "VERSION"
	lockName      = "LOCK"
	ownerName     = "OWNER"
	watermarkName = "WATERMARK"
	sealName      = "SEAL"
	pebbleName    = "pebble"
	// tempSuffix marks a file that is not complete yet.
	tempSuffix = ".tmp"
)

// formatVersion is the version of the layout of the directory and of everything in it. It changes with every change that an
// older program could not cope with, and with every change of Pebble's format.
//
// Format 2 came with revisions of consumers, parked orders and skips, and format 3 with aggregate types. What an older format
// wrote is read as it is, for ever; see "Older data" in the package documentation.
const formatVersion = 3

const versionFormat = "orderflow embedded store\nformat %d\n"

var (
	// ErrNotOurs refuses to put a store into a directory that holds something else.
	ErrNotOurs = errors.New("not a data directory of orderflow")
	// ErrNewerFormat refuses a directory that was written by a newer version of orderflow.
	ErrNewerFormat = errors.New("written by a newer version of orderflow")
)

// wayOut ends the message of an error that means that the directory is damaged.
const wayOut = "restore the directory from a backup, or, to open what is left without these checks, delete its files " +
	sealName + " and " + watermarkName

// claimDirectory makes dir a data directory, if it is none yet, and locks it. Nothing is written into a directory that holds
// something else.
func claimDirectory(fs vfs.FS, dir string) (lock io.Closer, err error) {
	if err := fs.MkdirAll(dir, privateDir); err != nil {
		return nil, err
	}
	version, err := checkVersion(fs, dir)
	if err != nil {
		return nil, err
	}
	if lock, err = lockDirectory(fs, dir); err != nil {
		return nil, err
	}
	if version < formatVersion {
		err = writeFile(fs, dir, versionName, fmt.Appendf(nil, versionFormat, formatVersion))
	}
	if err == nil {
		// MkdirAll may have made the directory just now.
		err = syncDir(fs, fs.PathDir(dir))
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// checkVersion returns the version of the format of dir; 0 for a directory that may become a data directory.
func checkVersion(fs vfs.FS, dir string) (int, error) {
	content, err := readFile(fs, fs.PathJoin(dir, versionName))
	if isNotExist(err) {
		return 0, checkEmpty(fs, dir)
	}
	if err != nil {
		return 0, err
	}
	var version int
	if _, err := fmt.Sscanf(string(content), versionFormat, &version); err != nil || version < 1 ||
		string(content) != fmt.Sprintf(versionFormat, version) {
		return 0, fmt.Errorf("%w: %s holds %q", ports.ErrCorrupt, fs.PathJoin(dir, versionName), content)
	}
	if version > formatVersion {
		return 0, fmt.Errorf("%s: %w: it has format %d, and this program knows format %d; use the newer program, or another directory",
			dir, ErrNewerFormat, version, formatVersion)
	}
	return version, nil
}

// checkEmpty refuses a directory without a VERSION that holds more than the beginnings of a store.
func checkEmpty(fs vfs.FS, dir string) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains([]string{lockName, versionName + tempSuffix, "lost+found"}, name) {
			return fmt.Errorf("%s: %w: it holds %s and no %s; name an empty directory, or one that does not exist",
				dir, ErrNotOurs, name, versionName)
		}
	}
	return nil
}

// lockDirectory takes the lock that makes this process the owner. It goes with the process, however that ends.
func lockDirectory(fs vfs.FS, dir string) (io.Closer, error) {
	lock, err := fs.Lock(fs.PathJoin(dir, lockName))
	if err == nil {
		return lock, nil
	}
	// An error of the file system names the path. An error that does not is the answer to the attempt to lock.
	if path := (*iofs.PathError)(nil); errors.As(err, &path) {
		return nil, err
	}
	who := "another process"
	if owner, err := readOwner(fs, dir); err == nil {
		who = owner.String()
	}
	return nil, fmt.Errorf("%w: data directory %s is in use by %s; stop it, or use another directory (%w)", ports.ErrLocked, dir, who, err)
}

// readFile returns the content of a file.
func readFile(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(f)
	return content, errors.Join(err, f.Close())
}

// writeFile puts a file into dir, whole and durably or not at all.
func writeFile(fs vfs.FS, dir, name string, content []byte) error {
	path := fs.PathJoin(dir, name)
	f, err := fs.Create(path+tempSuffix, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(slices.Clone(content)) // a vfs.File may change what it is given
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(path+tempSuffix, path); err != nil {
		return err
	}
	return syncDir(fs, dir)
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func isNotExist(err error) bool { return errors.Is(err, iofs.ErrNotExist) }
