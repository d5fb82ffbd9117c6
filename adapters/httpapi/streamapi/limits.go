package streamapi

import "sync"

// limits bounds the open streams.
type limits struct {
	most, mostOfClient int

	mu       sync.Mutex
	open     int
	byClient map[string]int
}

func newLimits(most, mostOfClient int) *limits {
	return &limits{most: most, mostOfClient: mostOfClient, byClient: map[string]int{}}
}

// enter counts a stream of a client, until leave is called. It returns false when there are too
// many.
func (l *limits) enter(client string) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.most || l.byClient[client] >= l.mostOfClient {
		return nil, false
	}
	l.open++
	l.byClient[client]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open--
		if l.byClient[client]--; l.byClient[client] == 0 {
			delete(l.byClient, client)
		}
	}, true
}
