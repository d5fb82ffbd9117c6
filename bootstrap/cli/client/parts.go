package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Parts reads a history part by part, from the event after a sequence number on, and calls each
// with the answers. path is that of a part without its query.
func (c *Client) Parts(ctx context.Context, path string, after uint64, each func(part json.RawMessage) error) error {
	for {
		var part json.RawMessage
		err := c.Do(ctx, Request{Method: http.MethodGet, Path: fmt.Sprintf("%s?after=%d", path, after), Patient: true}, &part)
		if err != nil {
			return err
		}
		var next struct {
			After uint64 `json:"next_after"`
		}
		if err := json.Unmarshal(part, &next); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := each(part); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if next.After <= after { // 0 on the last part; anything else would never end
			return nil
		}
		after = next.After
	}
}
