package bootstrap_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"orderflow/bootstrap"
)

// A passive service answers and changes nothing: events that consumers have not handled stay
// unhandled, and no sink is opened.
func TestApp_passiveOnlyAnswers(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	c.Sink = "none"
	c.Consumers = []string{"order-read-model"}
	app, stop := run(t, c, io.Discard)
	place(t, app)
	stop()

	target := filepath.Join(t.TempDir(), "events.jsonl")
	c.Sink, c.Consumers, c.Passive = "file:"+target, nil, true
	var stdout bytes.Buffer
	app, stop = run(t, c, &stdout)
	var answer struct {
		Consumers []struct {
			Name, State string
			Handled     int
		}
	}
	status, body := get(t, app.URL()+"/v1/consumers")
	if err := json.Unmarshal([]byte(body), &answer); status != http.StatusOK || err != nil || len(answer.Consumers) != 5 {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	for _, consumer := range answer.Consumers {
		if consumer.State != "stopped" || consumer.Handled != 0 {
			t.Errorf("%+v, want it to be stopped", consumer)
		}
	}
	if status, body := get(t, app.URL()+"/v1/tables/event_store"); status != http.StatusOK || !bytes.Contains([]byte(body), []byte("order.created")) {
		t.Errorf("%d %s", status, body)
	}
	if address, err := bootstrap.RunningService(c.Data); err != nil || address != "" {
		t.Errorf("RunningService = %q, %v: others would find a service that does not work", address, err)
	}
	stop()
	if _, err := os.Stat(target); !os.IsNotExist(err) || stdout.Len() > 0 {
		t.Errorf("the sink was opened: %v, %q", err, &stdout)
	}

	c.Passive = false
	_, stop = run(t, c, io.Discard)
	defer stop()
	await(t, "the event to be published once the service works", func() error {
		text, err := os.ReadFile(target)
		if n := bytes.Count(text, []byte("order.created")); n != 1 {
			return fmt.Errorf("published %d times (%w)", n, err)
		}
		return nil
	})
}
