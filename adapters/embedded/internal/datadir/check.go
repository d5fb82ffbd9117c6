package datadir

import "github.com/cockroachdb/pebble/v2/vfs"

// Before is what the files of a directory said when it was opened.
type Before struct {
	// Position is the position of the last record that was durable, as far as the watermark knows.
	Position uint64
	// Marked reports whether there was a watermark, and Sealed whether the last shutdown was clean.
	Marked, Sealed bool
}

// Check compares the files of Pebble with the seal and the watermark, before Pebble reads or
// deletes any of them. It opens the watermark and removes the seal.
//
// Errors: ports.ErrCorrupt, those of the file system.
func Check(fs vfs.FS, dir string) (w *Watermark, before Before, err error) {
	pebbleDir := fs.PathJoin(dir, PebbleName)
	if before.Sealed, err = checkSeal(fs, dir, pebbleDir); err != nil {
		return nil, before, err
	}
	if w, before.Marked, err = openWatermark(fs, dir); err != nil {
		return nil, before, err
	}
	before.Position = w.marks.position
	if err = w.marks.checkManifest(fs, pebbleDir); err == nil && before.Sealed {
		err = breakSeal(fs, dir)
	}
	if err != nil {
		_ = w.Close() // the other error says more
		return nil, before, err
	}
	return w, before, nil
}
