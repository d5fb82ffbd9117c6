package embedded

import (
	"context"
	"fmt"

	"orderflow/adapters/embedded/internal/datadir"
)

// Copy copies the store in the directory from, which no process may use, into the directory
// options.Dir, which must not exist, or be empty. The copy has the same store id: it is for reading
// only. In from, nothing changes. A store that works is copied by [Store.Backup].
//
// Errors: ports.ErrLocked while a process uses from; [ErrNotOurs] when from is no data directory,
// or the new one is not empty; [ErrNewerFormat]; those of the file system; the error of ctx.
func Copy(ctx context.Context, from string, options Options) error {
	options, err := options.withDefaults()
	if err != nil {
		return err
	}
	if err := datadir.Copy(ctx, datadir.Private(options.FS), from, options.Dir); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}

// IsBackup reports whether the directory dir has the manifest of a backup.
func IsBackup(dir string, options Options) (bool, error) {
	options, err := options.withDefaults()
	if err != nil {
		return false, err
	}
	_, err = options.FS.Stat(options.FS.PathJoin(dir, datadir.ManifestName))
	if datadir.IsNotExist(err) {
		return false, nil
	}
	return err == nil, err
}
