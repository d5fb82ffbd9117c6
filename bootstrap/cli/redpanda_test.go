package cli

import (
	"strings"
	"testing"

	"orderflow/bootstrap"

	"orderflow/bootstrap/cli/shell"
)

// The flags that errors about the topic name exist.
func TestTopicFlags_exist(t *testing.T) {
	t.Parallel()
	flags := newRoot(shell.New(Process{})).PersistentFlags()
	for setting, flag := range bootstrap.TopicFlags() {
		if name, ok := strings.CutPrefix(flag, "--"); !ok || flags.Lookup(name) == nil {
			t.Errorf("setting %s: there is no flag %s", setting, flag)
		}
	}
}
