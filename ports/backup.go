package ports

import (
	"context"
	"time"
)

// Backups is implemented by a store that can be copied while it works.
type Backups interface {
	// Backup copies the store into a directory of the machine of the store, which must not exist,
	// or be empty. The copy has everything that was acknowledged before the call. Views in it may
	// be older, and follow by themselves. Writing goes on meanwhile. A copy that was interrupted is
	// recognised as no copy.
	//
	// Errors: *RefusedError for a directory that cannot be used; ErrUnavailable; ErrClosed; the
	// context's error.
	Backup(ctx context.Context, dir string) (BackupReport, error)
}

// BackupReport says what a backup holds.
type BackupReport struct {
	Dir string
	// Events is how many events were durable before it began. It may hold some more.
	Events uint64
	Files  int
	Bytes  int64
	// Created is UTC.
	Created time.Time
}
