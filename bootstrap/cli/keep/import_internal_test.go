package keep

import (
	"testing"

	"orderflow/application/transfer"
)

// An import is verified by another one, which must find nothing to do.
func TestDiffers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name            string
		imported, again transfer.ImportReport
		wrong           bool
	}{
		{"all is there", transfer.ImportReport{Appended: 5}, transfer.ImportReport{Present: 5}, false},
		{"the same orders are refused", transfer.ImportReport{Appended: 3, Refused: 1}, transfer.ImportReport{Present: 3, Refused: 1}, false},
		{"an event is missing", transfer.ImportReport{Appended: 5}, transfer.ImportReport{Present: 4, Appended: 1}, true},
		{"an event is another one", transfer.ImportReport{Appended: 5}, transfer.ImportReport{Present: 3, Refused: 1}, true},
	} {
		if err := differs(test.imported, test.again); (err != nil) != test.wrong {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
