package operate

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shell"
)

// progressPoll is the pause between two looks at work that a service does.
const progressPoll = 500 * time.Millisecond

// WatchVerification shows how far the verification is that is about to begin, until stop is called.
func WatchVerification(ctx context.Context, sh *shell.Shell, c *client.Client) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	meter := sh.Progress("verifying", "")
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-time.After(progressPoll):
			case <-ctx.Done():
				return
			}
			var p client.VerificationProgress
			if err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/v1/verify"}, &p); err != nil || !p.Running {
				continue // a bar that stands still is enough
			}
			unit := "orders"
			if p.Phase == "reading rows" {
				unit = "rows"
			}
			meter.Phase(p.Phase, unit)
			meter.Set(p.Done, p.Total)
		}
	})
	return func() {
		cancel()
		watching.Wait()
		meter.Stop()
	}
}

// Settle is Client.Settle that shows how far the consumers are.
func Settle(ctx context.Context, sh *shell.Shell, c *client.Client) ([]client.Status, error) {
	meter := sh.Progress("waiting for the consumers", "events")
	defer meter.Stop()
	var most uint64 // how many events there were to handle, as far as is known
	return c.Settle(ctx, func(statuses []client.Status) {
		var behind uint64
		var names []string
		for _, s := range statuses {
			if s.Moving() {
				behind += s.Lag.Events
				names = append(names, s.Name)
			}
		}
		most = max(most, behind)
		meter.Set(most-behind, most)
		slices.Sort(names)
		meter.Note(strings.Join(names, ", "))
	})
}

// long sends a request whose answer takes as long as the work.
func (sh tools) long(ctx context.Context, c *client.Client, what string, r client.Request, answer any) error {
	meter := sh.Progress(what, "")
	defer meter.Stop()
	r.Slow = true
	return c.Do(ctx, r, answer)
}
