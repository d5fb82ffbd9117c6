package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

// ask sends a request with a token, from an address.
func ask(handler http.Handler, token, from string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/v1/consumers", nil)
	r.RemoteAddr = from
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, r)
	return answer
}

func TestLimits_rate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := newShop().config()
		config.Authenticator = doorkeeper{}
		config.Limits = endpoint.Limits{Rate: 2, Burst: 5, Concurrent: 10}
		handler := handlerOf(t, config)
		let := func(token string) (n int) {
			for range 20 {
				answer := ask(handler, token, "192.0.2.1:1")
				if answer.Code == 200 {
					n++
				} else if answer.Code != 429 || answer.Header().Get("Retry-After") == "" || bodyOf[object](t, answer)["code"] != "too_many_requests" {
					t.Errorf("%d %s %s", answer.Code, answer.Header(), answer.Body)
				}
			}
			return n
		}
		if n := let("ops.read"); n != 5 {
			t.Errorf("%d of 20 at once, want 5", n)
		}
		if n := let("admin"); n != 5 {
			t.Errorf("%d of 20 of another client, want 5", n)
		}
		time.Sleep(time.Second)
		if n := let("ops.read"); n != 2 {
			t.Errorf("%d of 20 a second later, want 2", n)
		}
		// what is open is not counted
		for range 20 {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/livez", nil))
			if answer.Code != 200 {
				t.Fatalf("/livez answers %d", answer.Code)
			}
		}
	})
}

func TestLimits_concurrent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shop := newShop()
		release := make(chan struct{})
		shop.consumers = func(context.Context) []ports.ConsumerStatus {
			<-release
			return nil
		}
		config := shop.config()
		config.Limits = endpoint.Limits{Rate: 1_000, Burst: 1_000, Concurrent: 2}
		handler := handlerOf(t, config)
		var waiting sync.WaitGroup
		for range 2 {
			waiting.Go(func() {
				if answer := ask(handler, "", "192.0.2.1:1"); answer.Code != 200 {
					t.Errorf("one of two: %d", answer.Code)
				}
			})
		}
		synctest.Wait()
		if answer := ask(handler, "", "192.0.2.1:2"); answer.Code != 429 {
			t.Errorf("the third one: %d", answer.Code)
		}
		close(release)
		waiting.Wait()
		if answer := ask(handler, "", "192.0.2.1:3"); answer.Code != 200 {
			t.Errorf("after that: %d", answer.Code)
		}
	})
}

// However many clients there are, memory is bounded, and none is left out for long.
func TestLimits_manyClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := newShop().config()
		config.Limits = endpoint.Limits{Rate: 1, Burst: 1, Concurrent: 1}
		handler := handlerOf(t, config)
		refused := 0
		for i := range 5_000 {
			if ask(handler, "", fmt.Sprintf("10.0.%d.%d:1", i/250, i%250)).Code == 429 {
				refused++
			}
		}
		if refused == 0 {
			t.Error("more clients than can be told apart do not share an account")
		}
		time.Sleep(2 * time.Second)
		if answer := ask(handler, "", "10.1.0.1:1"); answer.Code != 200 {
			t.Errorf("a new client, later: %d", answer.Code)
		}
	})
}
