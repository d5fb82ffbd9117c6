package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const unitFile = "../../scripts/deploy/systemd/orderflow.service"

func readUnit(t *testing.T) string {
	t.Helper()
	unit, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(unit)
}

// analyze runs systemd-analyze on the unit. The program of the unit is replaced by one that exists.
func analyze(t *testing.T, unit string, args ...string) (out string, err error) {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("REQUIRE_INTEGRATION") == "1" {
			t.Fatal("systemd-analyze is required: install systemd")
		}
		t.Skip("systemd-analyze is not installed")
	}
	file := filepath.Join(t.TempDir(), "orderflow.service")
	unit = strings.Replace(unit, "/usr/local/bin/orderflow", "/bin/true", 1)
	if err := os.WriteFile(file, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := exec.CommandContext(t.Context(), tool, append(args, file)...).CombinedOutput()
	return string(text), err
}

func TestSystemd_UnitIsValid(t *testing.T) {
	t.Parallel()
	if out, err := analyze(t, readUnit(t), "verify", "--man=no"); err != nil || strings.Contains(out, "orderflow.service") {
		t.Errorf("%v\n%s", err, out)
	}
	// the check finds a mistake
	broken := strings.Replace(readUnit(t), "TimeoutStopSec=60", "TimeoutStopSec=soon", 1)
	if out, _ := analyze(t, broken, "verify", "--man=no"); !strings.Contains(out, "orderflow.service") {
		t.Errorf("a timeout that is no number passes:\n%s", out)
	}
}

// The exposure goes from 0 to 100: below 20 the tool calls a service safe.
func TestSystemd_UnitIsHardened(t *testing.T) {
	t.Parallel()
	if out, err := analyze(t, readUnit(t), "security", "--offline=true", "--threshold=20", "--no-pager"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestSystemd_BinaryKnowsItsCommand(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(readUnit(t)) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=/usr/local/bin/orderflow ")
		if !ok {
			continue
		}
		args := strings.Fields(command)
		expectCommand(t, words(args))
		for _, arg := range args[1:] {
			flag, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			expectSetting(t, "ORDERFLOW_"+strings.ToUpper(strings.ReplaceAll(flag, "-", "_")))
		}
		return
	}
	t.Error("no command that runs /usr/local/bin/orderflow")
}
