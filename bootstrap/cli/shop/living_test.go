package shop_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shop"
)

// rules is a service that knows which commands are allowed.
type rules struct {
	mu       sync.Mutex
	statuses map[string]string
	did      map[string]int
	enough   func(did map[string]int)
}

func (s *rules) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.enough(s.did)
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) == 2 {
		id := uuid.NewString()
		s.statuses[id] = "ACTIVE"
		s.did["create"]++
		fmt.Fprintf(w, `{"order_id":%q}`, id)
		return
	}
	id, what := parts[2], parts[3]
	next := map[string]string{
		"ACTIVE items": "ACTIVE", "ACTIVE confirm": "CONFIRMED", "ACTIVE cancel": "CANCELLED", "CONFIRMED cancel": "CANCELLED",
		"CONFIRMED ship": "SHIPPED", "SHIPPED deliver": "DELIVERED",
	}[s.statuses[id]+" "+what]
	if next == "" {
		s.did["refused"]++
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"status":422,"code":"some_rule"}`)
		return
	}
	s.statuses[id] = next
	s.did[what]++
	io.WriteString(w, `{}`)
}

// A living shop sends every command, some that are refused, and nothing to a finished order.
func TestLiving_doesEverything(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	service := &rules{statuses: map[string]string{}, did: map[string]int{}, enough: func(did map[string]int) {
		for _, what := range []string{"create", "items", "confirm", "ship", "deliver", "cancel", "refused"} {
			if did[what] < 3 {
				return
			}
		}
		stop()
	}}
	server := httptest.NewServer(service)
	defer server.Close()
	c := client.New(server.URL)
	defer c.Close()
	s := &shop.Living{Client: c, PerSecond: 5000, Seed: 1}
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	done := s.Counts()
	if done.Orders == 0 || done.Refused == 0 || done.Commands < done.Orders+done.Refused {
		t.Errorf("counts %+v", done)
	}
	service.mu.Lock() // the last request may still be in progress
	defer service.mu.Unlock()
	if refused := service.did["refused"]; refused*4 > done.Commands {
		t.Errorf("%d of %d commands were refused, which is not what a shop is like", refused, done.Commands)
	}
}

func TestLiving_endsAtAnErrorThatIsNoRefusal(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"status":400,"code":"invalid_body"}`)
	}))
	defer server.Close()
	c := client.New(server.URL)
	defer c.Close()
	s := &shop.Living{Client: c, PerSecond: 1000}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid_body") {
		t.Errorf("err = %v", err)
	}
}
