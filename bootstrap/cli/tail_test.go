package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

// until is an output that ends a command when it has so many lines.
type until struct {
	mu    sync.Mutex
	lines int
	stop  context.CancelFunc
	bytes.Buffer
}

func (u *until) Write(b []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.lines -= bytes.Count(b, []byte("\n")); u.lines <= 0 {
		u.stop()
	}
	return u.Buffer.Write(b)
}

// tailed runs tail until it has printed so many lines.
func tailed(t *testing.T, lines int, args ...string) []string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, errs := &until{lines: lines, stop: stop}, &bytes.Buffer{}
	if status := Main(ctx, append([]string{"tail"}, args...), Process{In: strings.NewReader(""), Out: out, Err: errs}); status != 0 {
		t.Fatalf("tail %v: exit status %d: %s", args, status, errs)
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func TestTail(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	want(t, 0, "3 orders", "demo", "--orders=3", "--seed=1", "--sink=none", "--data="+data)
	event := tailed(t, 1, "--data="+data, "--from=earliest", "--json")[0]
	var e struct{ Type, Subject, Sequence string }
	if err := json.Unmarshal([]byte(event), &e); err != nil || e.Type != "order.created" || e.Sequence != "00000000000000000001" {
		t.Fatalf("%v: %s", err, event)
	}
	line := tailed(t, 1, "--data="+data, "--order="+e.Subject)[0]
	if !strings.Contains(line, e.Subject+"     1  order.created ") {
		t.Errorf("the first event of the order is printed as %q", line)
	}
	if lines := tailed(t, 2, "--data="+data, "--from=earliest", "--type=order.created"); !strings.Contains(lines[1], "order.created") {
		t.Errorf("a type of events is %q", lines)
	}
	for _, test := range [][]string{
		{"--order=7"}, {"--order=" + e.Subject, "--status=ACTIVE"}, {"--order=" + e.Subject, "--type=a"}, {"--order=" + e.Subject, "--from=x"},
	} {
		want(t, 2, "Try 'orderflow tail --help'", append([]string{"tail", "--data=" + data}, test...)...)
	}
	want(t, 1, "bad_cursor", "tail", "--data="+data, "--from=nonsense")
	want(t, 1, "bad_cursor", "tail", "--data="+data, "--order="+e.Subject, "--from=999")
	want(t, 2, "no effect with --follow", "demo", "--follow", "--orders=5", "--data="+data)
}
