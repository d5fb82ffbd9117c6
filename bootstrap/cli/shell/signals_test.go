package shell

import (
	"bytes"
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestEndWith(t *testing.T) {
	t.Parallel()
	signals, exited := make(chan os.Signal), make(chan int, 1)
	var stderr bytes.Buffer
	ctx := endWith(signals, &stderr, func(status int) { exited <- status })
	signals <- syscall.SIGTERM
	<-ctx.Done()
	if cause := context.Cause(ctx); cause != (Signal{syscall.SIGTERM}) || cause.Error() != "SIGTERM" {
		t.Errorf("the context ended because of %v", cause)
	}
	select {
	case status := <-exited:
		t.Errorf("the first signal ended the process with %d", status)
	default:
	}
	signals <- syscall.SIGINT
	if status := <-exited; status != 130 || !strings.Contains(stderr.String(), "SIGINT again: ended at once") {
		t.Errorf("the second signal ended the process with %d:\n%s", status, &stderr)
	}
}
