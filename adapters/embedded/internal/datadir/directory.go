package datadir

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/ports"
)

// The files in the directory.
const (
	versionName   = "VERSION"
	lockName      = "LOCK"
	ownerName     = "OWNER"
	watermarkName = "WATERMARK"
	sealName      = "SEAL"
	identityName  = "STOREID"
	// tempSuffix marks a file that is not complete yet.
	tempSuffix = ".tmp"
)

// PebbleName is the directory of Pebble, inside of the data directory.
const PebbleName = "pebble"

// formatVersion is the version of the directory and of everything in it. It must be raised with
// every change that an older program cannot handle, and with every change of Pebble's format.
//
// Format 2 came with revisions of consumers, parked aggregates and skips. Format 3 came with
// aggregate types. Format 4 came with states of projections that are not JSON.
const formatVersion = 4

const versionFormat = "orderflow embedded store\nformat %d\n"

var (
	// ErrNotOurs refuses a directory that holds something else than a store.
	ErrNotOurs = errors.New("not a data directory of orderflow")
	// ErrNewerFormat refuses a directory of a newer format.
	ErrNewerFormat = errors.New("written by a newer version of orderflow")
)

// WayOut ends the message of an error that says that the directory is damaged.
const WayOut = "restore the directory from a backup, or, to open what is left without these checks, delete its files " +
	sealName + " and " + watermarkName

// Claim makes dir a data directory, unless it is one already, and locks it. It writes nothing into
// a directory that holds something else.
//
// Errors: ports.ErrLocked, [ErrNotOurs], [ErrNewerFormat], ports.ErrCorrupt, those of the file
// system.
func Claim(fs vfs.FS, dir string) (lock io.Closer, err error) {
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

// checkVersion returns the format of dir. It returns 0 for a directory that may become a data
// directory.
func checkVersion(fs vfs.FS, dir string) (int, error) {
	content, err := readFile(fs, fs.PathJoin(dir, versionName))
	if IsNotExist(err) {
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
		return 0, fmt.Errorf("%s: %w: it has format %d, and this program knows format %d; "+
			"use the newer program, or another directory",
			dir, ErrNewerFormat, version, formatVersion)
	}
	return version, nil
}

// checkEmpty refuses a directory without a VERSION that holds more than the first files of a store.
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

// lockDirectory takes the lock. It ends with the process, however the process ends.
func lockDirectory(fs vfs.FS, dir string) (io.Closer, error) {
	lock, err := fs.Lock(fs.PathJoin(dir, lockName))
	if err == nil {
		return lock, nil
	}
	// An error of the file system names the path. Any other error means that another process has
	// the lock.
	if path := (*iofs.PathError)(nil); errors.As(err, &path) {
		return nil, err
	}
	who := "another process"
	if owner, err := readOwner(fs, dir); err == nil {
		who = owner.String()
	}
	return nil, fmt.Errorf("%w: data directory %s is in use by %s; stop it, or use another directory (%w)",
		ports.ErrLocked, dir, who, err)
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

// writeFile puts a file into dir durably. After a crash the file has the new content or the old
// one.
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

// IsNotExist reports whether err means that a file does not exist.
func IsNotExist(err error) bool { return errors.Is(err, iofs.ErrNotExist) }
