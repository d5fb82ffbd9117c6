package datadir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Copy copies the store in from into the directory dir, which must not exist, or be empty. It holds
// the lock of from meanwhile, and changes nothing else there. On the same file system the tables of
// Pebble, which never change, are hard links. After an error dir is no data directory.
//
// Errors: ports.ErrLocked while a process uses from; [ErrNotOurs] when from is no data directory,
// or dir is not empty; [ErrNewerFormat]; those of the file system; the error of ctx.
func Copy(ctx context.Context, fs vfs.FS, from, dir string) (err error) {
	version, err := checkVersion(fs, from)
	if err != nil {
		return err
	}
	if version == 0 {
		return fmt.Errorf("%s: %w: it has no %s", from, ErrNotOurs, versionName)
	}
	lock, err := lockDirectory(fs, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := CreateBackup(fs, dir); err != nil {
		return fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	if err := fs.MkdirAll(fs.PathJoin(dir, PebbleName), privateDir); err != nil {
		return err
	}
	names, err := fs.List(fs.PathJoin(from, PebbleName))
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == lockName { // the name that Pebble uses, too
			continue
		}
		if err := copyFile(ctx, fs, fs.PathJoin(from, PebbleName, name), fs.PathJoin(dir, PebbleName, name)); err != nil {
			return err
		}
	}
	// A directory without VERSION is not opened, so it comes last.
	for _, name := range []string{identityName, watermarkName, sealName, versionName} {
		err := copyFile(ctx, fs, fs.PathJoin(from, name), fs.PathJoin(dir, name))
		if err != nil && !IsNotExist(err) {
			return err
		}
	}
	return syncDir(fs, dir)
}

func copyFile(ctx context.Context, fs vfs.FS, from, to string) error {
	if strings.HasSuffix(from, ".sst") || strings.HasSuffix(from, ".blob") {
		if err := fs.Link(from, to); err == nil {
			return nil
		}
	}
	in, err := fs.Open(from, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := fs.Create(to, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, contextReader{ctx, in})
	return errors.Join(err, out.Close())
}

// contextReader fails when its context has ended.
type contextReader struct {
	ctx context.Context
	io.Reader
}

func (r contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
