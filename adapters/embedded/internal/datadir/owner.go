package datadir

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"orderflow/ports"
)

// Owner is the process that has a data directory open.
type Owner struct {
	PID int `json:"pid"`
	// Address is where the process answers, such as "http://127.0.0.1:8080". It is empty before
	// that.
	Address string `json:"address,omitempty"`
}

// String returns the owner as a message shows it.
func (o Owner) String() string {
	if o.Address == "" {
		return fmt.Sprintf("process %d", o.PID)
	}
	return fmt.Sprintf("process %d, which answers at %s", o.PID, o.Address)
}

// ReadOwner returns the process that has the data directory dir open. So a tool can find the server
// of a directory. It returns ports.ErrNotFound when no process has it open. After an unclean
// shutdown it returns a process that has ended: nothing answers at its address.
func ReadOwner(dir string) (Owner, error) { return readOwner(vfs.Default, dir) }

func readOwner(fs vfs.FS, dir string) (Owner, error) {
	content, err := readFile(fs, fs.PathJoin(dir, ownerName))
	if IsNotExist(err) {
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

// WriteOwner says that this process has dir open and answers at address.
func WriteOwner(fs vfs.FS, dir, address string) error {
	content, err := json.Marshal(Owner{PID: os.Getpid(), Address: address})
	if err != nil {
		return err
	}
	return writeFile(fs, dir, ownerName, append(content, '\n'))
}

// RemoveOwner says that no process has dir open.
func RemoveOwner(fs vfs.FS, dir string) error {
	if err := fs.Remove(fs.PathJoin(dir, ownerName)); !IsNotExist(err) {
		return err
	}
	return nil
}
