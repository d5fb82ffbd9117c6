package eventsourcing

import "fmt"

// MaxType is the longest name of an aggregate type, in bytes.
const MaxType = 64

// CheckType reports why name cannot be an aggregate type: it must have 1 to [MaxType] characters of a-z, 0-9, underscore and
// hyphen, and begin with a letter. Names are stored with every event, so they never change.
func CheckType(name string) error {
	if name == "" || len(name) > MaxType {
		return fmt.Errorf("aggregate type %q: must have 1 to %d characters", name, MaxType)
	}
	for i := range len(name) {
		switch b := name[i]; {
		case 'a' <= b && b <= 'z':
		case i > 0 && ('0' <= b && b <= '9' || b == '_' || b == '-'):
		default:
			return fmt.Errorf("aggregate type %q: must consist of a-z, 0-9, _ and -, and begin with a letter", name)
		}
	}
	return nil
}
