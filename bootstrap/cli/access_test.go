package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"orderflow/ports"
)

// withToken runs a command line with a token in the environment.
func withToken(t *testing.T, token string, args ...string) (text string, status int) {
	t.Helper()
	var out bytes.Buffer
	status = Main(t.Context(), args, Process{
		In: strings.NewReader(""), Out: &out, Err: &out, Environ: []string{"ORDERFLOW_TOKEN=" + token},
	})
	return out.String(), status
}

// urlOf returns the address in the log of a service.
func urlOf(t *testing.T, s *served) string {
	t.Helper()
	found := regexp.MustCompile(` url=(\S+)`).FindStringSubmatch(s.log.String())
	if found == nil {
		t.Fatal("the log has no address")
	}
	return found[1]
}

// The whole life of a token, with a service that asks for one.
func TestToken_life(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	// before the first start, and while no service runs
	out, errs, status := command(t, "token", "create", "--name=early", "--role=viewer", "--data="+data)
	if status != 0 {
		t.Fatal(out, errs)
	}
	early := lastLine(out)
	s := serveHere(t, "--auth=tokens", "--sink=none", "--data="+data)
	url := urlOf(t, s)

	want(t, 1, "credentials_missing", "consumers", "--url="+url)
	if text, status := withToken(t, early, "consumers", "--url="+url); status != 0 {
		t.Error(text)
	}
	if text, status := withToken(t, early, "consumers", "pause", "orders-by-sku", "--url="+url); status != 1 || !strings.Contains(text, "ops:write") {
		t.Error(status, text)
	}

	// the command line finds the service, and its token, by the data directory
	want(t, 0, "orders-by-sku is paused", "consumers", "pause", "orders-by-sku", "--reason=ticket 4711", "--data="+data)
	out, _, _ = command(t, "token", "create", "--name=ops", "--role=operator", "--expires=90d", "--data="+data)
	token := lastLine(out)
	if !strings.HasPrefix(token, ports.TokenPrefix) || strings.ContainsAny(token, " \t") {
		t.Fatalf("the last line is not the token:\n%s", out)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, 0, "orders-by-sku is resumed", "consumers", "resume", "orders-by-sku", "--token-file="+file, "--url="+url)
	want(t, 1, "token_exists", "token", "create", "--name=ops", "--role=viewer", "--data="+data)
	want(t, 0, "early", "token", "list", "--data="+data)
	want(t, 0, "ops is revoked", "token", "revoke", "ops", "--data="+data)
	want(t, 1, "credentials_revoked", "consumers", "--token-file="+file, "--url="+url)

	out, _, _ = command(t, "operations", "--data="+data)
	for _, line := range []string{
		`local +pause +orders-by-sku +ticket 4711`, `token:ops +resume +orders-by-sku`, `local +create-token +ops`, `local +revoke-token +ops`, `create-token +early`,
	} {
		if !regexp.MustCompile(line).MatchString(out) {
			t.Errorf("the log has no %q:\n%s", line, out)
		}
	}
	for _, secret := range []string{early, token} {
		for name, text := range map[string]string{"the log": s.log.String(), "the operations": out} {
			if strings.Contains(text, secret) {
				t.Errorf("%s has a token", name)
			}
		}
	}

	access := filepath.Join(data, "local-access.json")
	if info, err := os.Stat(access); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of the token of this start: %v, %v", info, err)
	}
	s.end(nil)
	<-s.ended
	if _, err := os.Stat(access); !os.IsNotExist(err) {
		t.Errorf("the token of this start is still there: %v", err)
	}
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

func TestToken_usage(t *testing.T) {
	t.Parallel()
	data := "--data=" + t.TempDir()
	want(t, 2, "--name", "token", "create", "--role=viewer", data)
	want(t, 2, "--role", "token", "create", "--name=ci", data)
	want(t, 2, "--expires", "token", "create", "--name=ci", "--role=viewer", "--expires=soon", data)
	want(t, 2, "--token-file", "consumers", "--url=http://127.0.0.1:1", "--token-file=/nonexistent")
	want(t, 1, "no token with this name", "token", "revoke", "nobody", data)
}

// Without authentication the service is for this machine, unless somebody says that it is guarded.
func TestServe_withoutAuthenticationElsewhere(t *testing.T) {
	t.Parallel()
	data := "--data=" + t.TempDir()
	for _, listen := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:80", "shop.example:80"} {
		want(t, 2, "--insecure", "serve", "--listen="+listen, data)
	}
	want(t, 2, "stands alone", "serve", "--auth=none,tokens", data)
	want(t, 2, "none of none", "serve", "--auth=password", data)
	want(t, 2, "--oidc-issuer", "serve", "--auth=oidc", data)
	want(t, 2, "--oidc-audience", "serve", "--auth=oidc", "--oidc-issuer=https://login.example", data)
	want(t, 2, "--auth=oidc", "serve", "--oidc-issuer=https://login.example", data)
	want(t, 2, "positive", "serve", "--client-rate=0", data)
}
