package datadir

import (
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"orderflow/ports"
)

// StoreID returns the id of the store in dir. A store of an earlier version has no id. It gets one
// here, so calls must come one after the other.
func StoreID(fs vfs.FS, dir string) (uuid.UUID, error) {
	path := fs.PathJoin(dir, identityName)
	content, err := readFile(fs, path)
	if IsNotExist(err) {
		id := uuid.New()
		return id, writeFile(fs, dir, identityName, []byte(id.String()+"\n"))
	}
	if err != nil {
		return uuid.Nil, err
	}
	id, err := uuid.Parse(strings.TrimSuffix(string(content), "\n"))
	if err != nil {
		return uuid.Nil, fmt.Errorf("%w: %s holds %q; delete it to give the store a new id", ports.ErrCorrupt, path, content)
	}
	return id, nil
}
