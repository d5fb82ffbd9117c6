package cloudevents

import "os"

// Faults make the handle of a file fail. A nil function does not fail.
type Faults struct {
	// Write returns how many bytes are written before the error.
	Write    func(b []byte) (n int, err error)
	Sync     func() error
	Truncate func() error
}

// The constants of the format that tests need.
const (
	Opening   = opening
	MaxEvent  = maxEvent
	BatchSize = batchSize
)

// OpenFaulty is OpenFile on a file that fails as faults say, after it was opened.
func OpenFaulty(path string, faults *Faults) (*Publisher, error) {
	open := func(path string) (handle, error) {
		h, err := openHandle(path)
		if err != nil {
			return nil, err
		}
		return &faultyHandle{h.(*os.File), faults}, nil
	}
	inactive := *faults
	*faults = Faults{}
	f := &file{path: path, open: open}
	if err := f.reopen(); err != nil {
		return nil, err
	}
	*faults = inactive
	return start(f, f.identity, Config{}), nil
}

type faultyHandle struct {
	*os.File
	faults *Faults
}

func (h *faultyHandle) Write(b []byte) (int, error) {
	if h.faults.Write == nil {
		return h.File.Write(b)
	}
	n, fault := h.faults.Write(b)
	if n, err := h.File.Write(b[:n]); err != nil {
		return n, err
	}
	return n, fault
}

func (h *faultyHandle) Sync() error {
	if h.faults.Sync != nil {
		if err := h.faults.Sync(); err != nil {
			return err
		}
	}
	return h.File.Sync()
}

func (h *faultyHandle) Truncate(size int64) error {
	if h.faults.Truncate != nil {
		if err := h.faults.Truncate(); err != nil {
			return err
		}
	}
	return h.File.Truncate(size)
}
