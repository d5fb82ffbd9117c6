package embedded

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/ports"
)

// Owner is the process that has a data directory open, as it says in the file OWNER.
type Owner struct {
	PID int `json:"pid"`
	// Address is where the process answers, such as "http://127.0.0.1:8080"; empty before it does.
	Address string `json:"address,omitempty"`
}

// String describes the owner for a message.
func (o Owner) String() string {
	if o.Address == "" {
		return fmt.Sprintf("process %d", o.PID)
	}
	return fmt.Sprintf("process %d, which answers at %s", o.PID, o.Address)
}

// ReadOwner says who has the data directory dir open, so that a command can find the server of a directory. A clean
// shutdown takes the information away; after an unclean one it names a process that is gone, which the caller finds out
// when nothing answers at the address. It returns ports.ErrNotFound when nobody has the directory open.
func ReadOwner(dir string) (Owner, error) { return readOwner(vfs.Default, dir) }

func readOwner(fs vfs.FS, dir string) (Owner, error) {
	content, err := readFile(fs, fs.PathJoin(dir, ownerName))
	if isNotExist(err) {
		return Owner{}, fmt.Errorf("owner of %s: %w", dir, ports.ErrNotFound)
	}
	var owner Owner
	if err == nil {
		err = json.Unmarshal(content, &owner)
	}
	if err != nil {
		return Owner{}, fmt.Errorf("owner of %s: %w", dir, err)
	}
	return owner, nil
}

func writeOwner(fs vfs.FS, dir, address string) error {
	content, err := json.Marshal(Owner{PID: os.Getpid(), Address: address})
	if err != nil {
		return err
	}
	return writeFile(fs, dir, ownerName, append(content, '\n'))
}

// SetAddress tells other processes where this one answers, see [ReadOwner].
func (s *Store) SetAddress(address string) error {
	if !s.ops.Enter() {
		return ports.ErrClosed
	}
	defer s.ops.Leave()
	s.ownerMu.Lock()
	defer s.ownerMu.Unlock()
	if err := writeOwner(s.fs, s.dir, address); err != nil {
		return fmt.Errorf("note the address of %s: %w", s.dir, err)
	}
	return nil
}
