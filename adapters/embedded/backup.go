package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"orderflow/adapters/embedded/internal/datadir"
	"orderflow/adapters/embedded/internal/engine"
	"orderflow/ports"
)

// ErrNoBackup refuses a directory that is no complete backup.
var ErrNoBackup = datadir.ErrNoBackup

// Backup implements [ports.Backups]. dir is on the machine of this process. On the same file system
// as the data, the tables of Pebble are hard links: the backup takes almost no space at first, and
// a damaged disk damages both.
//
// It reads every file once, for its checksum, after the copy was made.
func (s *Store) Backup(ctx context.Context, dir string) (ports.BackupReport, error) {
	report, err := s.backup(ctx, dir)
	if err != nil {
		return ports.BackupReport{}, fmt.Errorf("backup to %s: %w", dir, err)
	}
	return report, nil
}

func (s *Store) backup(ctx context.Context, dir string) (report ports.BackupReport, err error) {
	data, err := filepath.Abs(s.db.Dir())
	if err != nil {
		return report, err
	}
	if dir = filepath.Clean(dir); !filepath.IsAbs(dir) || dir == data || strings.HasPrefix(dir, data+string(filepath.Separator)) {
		return report, &ports.RefusedError{Reason: dir + " is not an absolute path outside of the data directory"}
	}
	s.backups.Lock() // one after the other, so that they do not compete for the disk
	defer s.backups.Unlock()
	id, err := s.StoreID(ctx)
	if err != nil {
		return report, err
	}
	fs := s.db.FS()
	if err := datadir.CreateBackup(fs, dir); err != nil {
		return report, &ports.RefusedError{Reason: err.Error()}
	}
	m := datadir.Manifest{Store: id, Created: s.now().UTC(), Position: s.history.Durable()}
	if err := s.db.Checkpoint(ctx, fs.PathJoin(dir, datadir.PebbleName)); err != nil {
		return report, err
	}
	// What is read now never changes again, so the store may close meanwhile.
	if m, err = datadir.SealBackup(ctx, fs, dir, m); err != nil {
		return report, engine.Translate(err)
	}
	return ports.BackupReport{Dir: dir, Events: m.Position, Files: len(m.Files), Bytes: m.Bytes(), Created: m.Created}, nil
}

// Restored says what was restored.
type Restored struct {
	ports.BackupReport
	// From is the id of the store that was copied, and Store that of the new one.
	From, Store uuid.UUID
}

// Restore makes a new store of a backup, in options.Dir, which must not exist, or be empty. The new
// store has a new id. It is opened once, and must have every event that was durable before the
// backup began.
//
// Errors: [ErrNoBackup]; [ErrNotOurs] when the directory is not empty; [ErrNewerFormat];
// ports.ErrCorrupt, with the name of the file; those of [Open]; those of the file system.
func Restore(ctx context.Context, from string, options Options) (restored Restored, err error) {
	options, err = options.withDefaults()
	if err != nil {
		return restored, err
	}
	fs := datadir.Private(options.FS)
	m, id, err := datadir.Restore(ctx, fs, from, options.Dir, options.Progress)
	if err != nil {
		return restored, fmt.Errorf("restore %s: %w", from, err)
	}
	options.Retention = -1 // nothing expires meanwhile
	// The copy of a store that was at work looks like one that was killed. That is as it should be,
	// and no reason for a warning.
	options.Logger = slog.New(slog.DiscardHandler)
	s, err := Open(ctx, options) // it fails when an event is missing
	if err != nil {
		return restored, fmt.Errorf("restore %s: %w", from, err)
	}
	restored = Restored{From: m.Store, Store: id, BackupReport: ports.BackupReport{
		Dir: options.Dir, Events: m.Position, Files: len(m.Files), Bytes: m.Bytes(), Created: m.Created,
	}}
	return restored, s.Close()
}
