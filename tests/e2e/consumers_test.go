package e2e_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// consumer holds the fields of GET /v1/consumers that these tests use.
type consumer struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Live  struct {
		Number int `json:"number"`
	} `json:"live"`
	Lag struct {
		Events uint64 `json:"events"`
		Known  bool   `json:"known"`
	} `json:"lag"`
	Parked  int `json:"parked"`
	Handled int `json:"handled"`
}

func (s *service) consumers(t *testing.T) []consumer {
	t.Helper()
	var answer struct {
		Consumers []consumer `json:"consumers"`
	}
	s.call(t, http.StatusOK, "GET", "/v1/consumers", "").into(t, &answer)
	return answer.Consumers
}

func (s *service) consumer(t *testing.T, name string) consumer {
	t.Helper()
	consumers := s.consumers(t)
	at := slices.IndexFunc(consumers, func(c consumer) bool { return c.Name == name })
	if at < 0 {
		t.Fatalf("there is no consumer %s in %+v", name, consumers)
	}
	return consumers[at]
}

// awaitCurrent waits until all consumers except for the given ones follow the feed without lag.
func (s *service) awaitCurrent(t *testing.T, but ...string) {
	t.Helper()
	await(t, "the consumers to be up to date", func() bool {
		return !slices.ContainsFunc(s.consumers(t), func(c consumer) bool {
			return !slices.Contains(but, c.Name) && (c.State != "running" || !c.Lag.Known || c.Lag.Events > 0)
		})
	})
}

// wantTool runs a tool that must end with the given status and print want.
func (s *service) wantTool(t *testing.T, status int, want string, args ...string) {
	t.Helper()
	if out, got := tool(t, append(args, "--data="+s.data)...); got != status || !strings.Contains(out, want) {
		t.Fatalf("%v: exit status %d, want %d with %q:\n%s", args, got, status, want, out)
	}
}

func (s *service) place(t *testing.T, customer string) (id string) {
	t.Helper()
	order := uuid.New()
	s.call(t, http.StatusCreated, "POST", "/v1/orders", createBody(order, customer))
	return order.String()
}

// A pause survives a stop and a kill, does not affect other consumers, and loses nothing.
func TestConsumers_pauseAndResume(t *testing.T) {
	t.Parallel()
	const paused, list = "orders-by-sku", "/v1/orders?sku=A-1"
	s := start(t, t.TempDir())
	before := s.place(t, "ada")
	s.awaitCurrent(t)
	s.wantTool(t, 0, paused+" is paused", "consumers", "pause", paused, "--stop-timeout=2m")

	placed := []string{}
	check := func(when string) {
		t.Helper()
		placed = append(placed, s.place(t, "ada"))
		s.awaitCurrent(t, paused)
		if c := s.consumer(t, paused); c.State != "paused" || !c.Lag.Known || c.Lag.Events != uint64(len(placed)) {
			t.Errorf("%s: %+v, want it to be paused and to lag behind %d events", when, c, len(placed))
		}
		text := s.call(t, http.StatusOK, "GET", list, "").text
		if !strings.Contains(text, before) || strings.Contains(text, placed[len(placed)-1]) {
			t.Errorf("%s: the list of the paused consumer is not as it was: %s", when, text)
		}
		if text := s.call(t, http.StatusOK, "GET", "/v1/customers/ada/orders", "").text; !strings.Contains(text, placed[len(placed)-1]) {
			t.Errorf("%s: the list of another consumer lacks the order: %s", when, text)
		}
	}
	check("after the pause")
	s.stop(t)
	s = start(t, s.data)
	check("after a stop")
	s.kill()
	s = start(t, s.data)
	check("after a kill")
	// again, without an effect
	s.wantTool(t, 0, paused+" is paused", "consumers", "pause", paused, "--stop-timeout=2m")

	s.wantTool(t, 0, paused+" is resumed", "consumers", "resume", paused)
	s.awaitCurrent(t)
	for _, id := range placed {
		if text := s.call(t, http.StatusOK, "GET", list, "").text; !strings.Contains(text, id) {
			t.Errorf("order %s of the time of the pause is missing: %s", id, text)
		}
	}
	s.wantTool(t, 0, "every view equals the fold", "verify")
	s.stop(t)
}

// Without a service the tools store the decision, and a service that starts later follows it.
func TestConsumers_toolsWithoutAService(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	alone := &service{data: data}
	alone.wantTool(t, 0, "10 orders", "demo", "--orders=10", "--seed=1")
	alone.wantTool(t, 0, "orders-by-status is paused", "consumers", "pause", "orders-by-status", "--stop-timeout=2m")
	alone.wantTool(t, 0, "no order is parked", "parked")
	alone.wantTool(t, 0, "of orders-by-sku is live: 10 orders", "consumers", "rebuild", "orders-by-sku")

	s := start(t, data)
	s.awaitCurrent(t, "orders-by-status")
	if c := s.consumer(t, "orders-by-status"); c.State != "paused" {
		t.Errorf("%+v, want it to be paused", c)
	}
	if c := s.consumer(t, "orders-by-sku"); c.Live.Number < 2 {
		t.Errorf("%+v, want the generation that was filled", c)
	}
	s.stop(t)
}

// A view is rebuilt and rolled back while it is read, and no read fails or misses an order.
func TestConsumers_rebuildBesideReads(t *testing.T) {
	t.Parallel()
	const name = "orders-by-customer"
	s := start(t, t.TempDir())
	s.wantTool(t, 0, "300 orders", "demo", "--orders=300", "--seed=1")
	id := s.place(t, "reader")
	s.awaitCurrent(t)

	reading, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		reads := 0
		defer func() { ended <- reads }()
		for reading.Err() == nil {
			a, err := s.try(reading, "GET", "/v1/customers/reader/orders", "")
			if reading.Err() != nil {
				return
			}
			if err != nil || a.status != http.StatusOK || !strings.Contains(a.text, id) {
				t.Errorf("a read beside the rebuild: %d, %v: %s", a.status, err, a.text)
				return
			}
			reads++
		}
	}()
	first := s.consumer(t, name).Live.Number
	s.wantTool(t, 0, "of "+name+" is live: 301 orders", "consumers", "rebuild", name)
	if now := s.consumer(t, name).Live.Number; now == first {
		t.Errorf("generation %d is still live", now)
	}
	s.wantTool(t, 0, "is kept for a while", "consumers")
	s.wantTool(t, 0, "of "+name+" is live", "consumers", "rebuild", name, "--rollback")
	if now := s.consumer(t, name).Live.Number; now != first {
		t.Errorf("generation %d is live, want %d again", now, first)
	}
	stop()
	if reads := <-ended; reads == 0 {
		t.Error("nothing was read")
	}
	s.awaitCurrent(t)
	s.wantTool(t, 0, "every view equals the fold", "verify")
	s.stop(t)
}

func TestConsumers_refusals(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	id := s.place(t, "ada")
	s.awaitCurrent(t)
	s.wantTool(t, 1, "there is no such consumer", "consumers", "pause", "nobody")
	s.wantTool(t, 1, "there are: order-read-model", "consumers", "rebuild", "nobody")
	s.wantTool(t, 1, "there is no rebuild", "consumers", "rebuild", "orders-by-sku", "--abort")
	s.wantTool(t, 1, "no previous generation", "consumers", "rebuild", "orders-by-sku", "--rollback")
	s.wantTool(t, 1, "fills no table", "consumers", "rebuild", "file-publisher")
	s.wantTool(t, 1, "rebuild it instead", "consumers", "reset", "orders-by-sku", "--to=now", "--force")
	s.wantTool(t, 1, "force it", "consumers", "reset", "file-publisher", "--to=begin")
	s.wantTool(t, 0, "this is a dry run", "consumers", "reset", "file-publisher", "--to=begin", "--dry-run")
	s.wantTool(t, 1, "orders-by-sku has not parked this aggregate", "parked", "show", "orders-by-sku", id)
	s.wantTool(t, 1, "orders-by-sku has not parked this aggregate", "parked", "retry", "orders-by-sku", id)
	s.wantTool(t, 1, "orders-by-sku has not parked this aggregate", "parked", "skip", "orders-by-sku", id, "--reason=none")
	s.wantTool(t, 0, "0 orders are no longer parked", "parked", "retry", "orders-by-sku")
	s.wantTool(t, 2, "reason:", "parked", "skip", "orders-by-sku", id)
	s.stop(t)
}
