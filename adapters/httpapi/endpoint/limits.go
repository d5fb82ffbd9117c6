package endpoint

import (
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"orderflow/ports"
)

// Limits bound what one client may use of the service, so that it cannot take it from the others.
// The zero value bounds nothing.
type Limits struct {
	// Rate is how many requests a client may send in a second, on average, and Burst how many at
	// once.
	Rate  float64
	Burst int
	// Concurrent is how many requests of a client may be in progress.
	Concurrent int
}

// maxClients is how many clients are told apart. Those beyond share one account.
const maxClients = 4_096

// limiter keeps an account for each client.
type limiter struct {
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	clients map[string]*account
}

// account is what a client uses now.
type account struct {
	rate *rate.Limiter
	open int
}

// newLimiter returns nil when nothing is bounded.
func newLimiter(limits Limits, now func() time.Time) *limiter {
	if limits == (Limits{}) {
		return nil
	}
	return &limiter{limits: limits, now: now, clients: make(map[string]*account)}
}

// enter counts a request of a client, until leave is called. When it is one too many, leave is nil,
// and the client should wait.
func (l *limiter) enter(client string) (leave func(), wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	a := l.account(client, now)
	if a.open >= l.limits.Concurrent {
		return nil, time.Second
	}
	if reservation := a.rate.ReserveN(now, 1); reservation.DelayFrom(now) > 0 {
		wait = reservation.DelayFrom(now)
		reservation.CancelAt(now)
		return nil, wait
	}
	a.open++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		a.open--
	}, 0
}

// account returns the account of a client. When there are too many, those that are not in use make
// room.
func (l *limiter) account(client string, now time.Time) *account {
	if a := l.clients[client]; a != nil {
		return a
	}
	if len(l.clients) >= maxClients {
		for name, a := range l.clients {
			if a.open == 0 && a.rate.TokensAt(now) >= float64(l.limits.Burst) {
				delete(l.clients, name)
			}
		}
	}
	if len(l.clients) >= maxClients {
		client = "" // no client has this name
		if a := l.clients[client]; a != nil {
			return a
		}
	}
	a := &account{rate: rate.NewLimiter(rate.Limit(l.limits.Rate), l.limits.Burst)}
	l.clients[client] = a
	return a
}

// clientOf names the client of a request: the principal, or its address where nobody is asked.
func clientOf(r *http.Request, principal ports.Principal) string {
	if principal.Subject != "" {
		return principal.Subject
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return "address:" + host
	}
	return "address:" + r.RemoteAddr
}

// tooMany is the problem of a client that has to wait.
func tooMany(header http.Header, wait time.Duration) *Problem {
	header.Set("Retry-After", strconv.Itoa(int(math.Ceil(max(wait.Seconds(), 1)))))
	return NewProblem(http.StatusTooManyRequests, CodeTooManyRequests,
		"this client sends too many requests, or has too many in progress; nothing happened")
}
