package loginmodule_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// People log in at a real identity provider, which is in a module of its own: tests/login.
func TestLogin_atARealProvider(t *testing.T) {
	t.Parallel()
	// The requirements of the service are a part of those of the module. So that a change of them
	// is no reason to fail, the file of the module is a copy, which go may bring up to date.
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join("../login", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inModule := func(command string, args ...string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "go", append([]string{command, "-modfile=" + filepath.Join(dir, "go.mod")}, args...)...)
		cmd.Dir = "../login"
		return cmd.CombinedOutput()
	}
	if out, err := inModule("list", "-mod=mod", "-deps", "-test", "./..."); err != nil {
		if os.Getenv("REQUIRE_INTEGRATION") == "1" {
			t.Fatalf("REQUIRE_INTEGRATION is set: %v\n%s", err, out)
		}
		t.Skipf("the modules of the provider cannot be had: %v\n%s", err, out)
	}
	if out, err := inModule("test", "-mod=mod", "-count=1", "./..."); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
