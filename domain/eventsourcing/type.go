package eventsourcing

import "fmt"

// MaxType is the highest length of the name of an aggregate type, in bytes.
const MaxType = 64

// CheckType returns why name cannot be an aggregate type. A type has 1 to [MaxType] characters of
// a-z, 0-9, underscore and hyphen, and begins with a letter. It is stored with every event, so it
// never changes.
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
