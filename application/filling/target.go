package filling

import (
	"context"
	"encoding/json"
	"fmt"

	"orderflow/ports"
)

// targetNote is the name of the note that says what a publisher is bound to.
const targetNote = "target"

// bound is the stored form of a target, as JSON.
type bound struct {
	Version int    `json:"version"`
	Target  string `json:"target"`
}

const boundVersion = 1

// BoundTarget returns the target that a publisher of that name publishes to; empty when none was
// bound yet. Offsets and states are about what the target has received, so a publisher never
// changes its target: another target is another consumer.
func BoundTarget(ctx context.Context, views ports.ViewStore, name string) (target string, err error) {
	_, data, err := OpenNote(ctx, views, name, targetNote)
	if err != nil || len(data) == 0 {
		return "", err
	}
	var noted bound
	if err := json.Unmarshal(data, &noted); err != nil || noted.Version != boundVersion {
		return "", fmt.Errorf("the target that %s is bound to cannot be read: %w", name, ports.ErrCorrupt)
	}
	return noted.Target, nil
}

// BindTarget notes what a publisher of that name publishes to from now on.
func BindTarget(ctx context.Context, views ports.ViewStore, name, target string) error {
	note, _, err := OpenNote(ctx, views, name, targetNote)
	if err != nil {
		return err
	}
	data, err := json.Marshal(bound{Version: boundVersion, Target: target})
	if err != nil {
		return fmt.Errorf("bind %s to its target: %w", name, err)
	}
	return note.Save(ctx, data)
}
