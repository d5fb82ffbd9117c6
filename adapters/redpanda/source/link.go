package source

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"orderflow/adapters/redpanda"
	"orderflow/adapters/redpanda/internal/client"
	"orderflow/ports"
)

// link is a client for requests outside consumer groups. All calls share it.
type link struct {
	config  redpanda.Config // with its defaults
	client  *kgo.Client
	trouble *client.Trouble
}

func newLink(config redpanda.Config) (*link, error) {
	options, err := client.Options(config)
	if err != nil {
		return nil, err
	}
	trouble := &client.Trouble{}
	c, err := kgo.NewClient(append(options, kgo.WithHooks(trouble))...)
	if err != nil {
		return nil, fmt.Errorf("redpanda configuration: %w", err)
	}
	return &link{config, c, trouble}, nil
}

// check returns why no request can be made, or nil.
func (l *link) check(ctx context.Context) error {
	select {
	case <-l.client.Context().Done():
		return ports.ErrClosed
	default:
		return ctx.Err()
	}
}

// explain translates an error of the client. It does not change an error of the caller's context.
func (l *link) explain(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil && client.Is(err, ended) {
		return ended
	}
	if !client.Is(err, kgo.ErrClientClosed) {
		err = l.trouble.Explain(err)
	}
	err = client.Explain(l.config, err)
	if client.Is(err, context.Canceled, context.DeadlineExceeded) { // of an attempt to connect
		return fmt.Errorf("%w: %v", ports.ErrUnavailable, err)
	}
	return client.Translate(err, client.Read)
}
