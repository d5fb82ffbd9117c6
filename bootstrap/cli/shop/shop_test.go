package shop_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/shop"
)

// placed returns what a shop sends to a service, without the ids of orders, sorted, and the number
// of commands that it counts.
func placed(t *testing.T, orders int, seed uint64) (asked []string, commands int) {
	t.Helper()
	var mu sync.Mutex
	created := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		path := r.URL.Path
		if parts := strings.Split(path, "/"); len(parts) > 3 {
			path = strings.Join(parts[4:], "/")
		} else {
			created++
		}
		asked = append(asked, fmt.Sprintf("%s %s %s", r.Method, path, body))
		fmt.Fprintf(w, `{"order_id":"order-%d"}`, created)
	}))
	defer server.Close()
	c := client.New(server.URL)
	defer c.Close()
	s := &shop.Shop{Client: c, Orders: orders, Seed: seed, Placed: func(n int) {
		mu.Lock()
		defer mu.Unlock()
		commands += n
	}}
	if err := s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if created != orders {
		t.Errorf("%d orders were created, want %d", created, orders)
	}
	slices.Sort(asked)
	return asked, commands
}

func TestShop_theSameSeedPlacesTheSameOrders(t *testing.T) {
	t.Parallel()
	one, commands := placed(t, 50, 1)
	if again, _ := placed(t, 50, 1); !slices.Equal(one, again) {
		t.Error("the same seed asks for something else")
	}
	if other, _ := placed(t, 50, 2); slices.Equal(one, other) {
		t.Error("another seed asks for the same")
	}
	if commands != len(one) {
		t.Errorf("it counts %d commands, and has sent %d", commands, len(one))
	}
	for _, name := range []string{"PUT items", "POST confirm", "POST ship", "POST deliver", "POST cancel"} {
		if !slices.ContainsFunc(one, func(asked string) bool { return strings.HasPrefix(asked, name) }) {
			t.Errorf("nobody asks for %s", name)
		}
	}
}

func TestShop_endsAtTheFirstRefusal(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		io.WriteString(w, `{"status":422,"code":"some_rule","detail":"no"}`)
	}))
	defer server.Close()
	c := client.New(server.URL)
	defer c.Close()
	s := &shop.Shop{Client: c, Orders: 1_000_000, Placed: func(int) {}}
	if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "create an order: some_rule: no") {
		t.Errorf("err = %v", err)
	}
}
