package e2e_test

import (
	"os"
	"os/exec"
	"testing"
)

// People log in at a real identity provider, which is in a module of its own: tests/login.
func TestLogin_atARealProvider(t *testing.T) {
	t.Parallel()
	inModule := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = "../login"
		return cmd.CombinedOutput()
	}
	if out, err := inModule("mod", "download"); err != nil {
		if os.Getenv("REQUIRE_INTEGRATION") == "1" {
			t.Fatalf("REQUIRE_INTEGRATION is set: %v\n%s", err, out)
		}
		t.Skipf("the modules of the provider cannot be had: %v\n%s", err, out)
	}
	if out, err := inModule("test", "-count=1", "./..."); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
