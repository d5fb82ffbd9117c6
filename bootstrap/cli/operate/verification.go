package operate

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// verificationPoll is the pause between two looks at a verification.
const verificationPoll = 500 * time.Millisecond

// WatchVerification draws a bar for each phase of the verification that is about to begin, if out
// is a terminal, until stop is called.
func WatchVerification(ctx context.Context, out io.Writer, c *client.Client) (stop func()) {
	if !shell.IsTerminal(out) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		var bar *progressbar.ProgressBar
		var shown client.VerificationProgress
		for {
			select {
			case <-time.After(verificationPoll):
			case <-ctx.Done():
				if bar != nil {
					_ = bar.Clear() // an error of the progress bar does not stop the command
				}
				return
			}
			var p client.VerificationProgress
			if err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/verify"}, &p); err != nil || !p.Running {
				continue // a bar that stands still is enough
			}
			if bar == nil || p.Phase != shown.Phase || p.Total != shown.Total {
				if bar != nil {
					_ = bar.Clear()
				}
				total := int64(p.Total)
				if total == 0 {
					total = -1 // not known, which turns the bar into a spinner
				}
				bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(out), progressbar.OptionShowCount(),
					progressbar.OptionClearOnFinish())
			}
			shown = p
			bar.Describe(fmt.Sprintf("%s, %.0f/s", p.Phase, p.PerSecond))
			_ = bar.Set64(int64(p.Done))
		}
	})
	return func() {
		cancel()
		watching.Wait()
	}
}
