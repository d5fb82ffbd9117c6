package portkit

import "sync"

// Recent holds the values that were put last, within a bound. Whoever works with a value takes it
// out, and puts its successor in.
//
// There are two parts, each of at most half of the bound. When the newer part is full, the older
// one is dropped. So a value stays for at least half of the bound after it was put, and nothing is
// moved when it is used. The zero Recent holds nothing. It is safe for concurrent use.
type Recent[K comparable, V any] struct {
	half int
	size func(V) int

	mu           sync.Mutex
	newer, older map[K]V
	used         int // by newer
}

// NewRecent returns a Recent whose values have at most the size bound together, as size says. size
// must give the same for a value each time, and more than 0.
func NewRecent[K comparable, V any](bound int, size func(V) int) *Recent[K, V] {
	return &Recent[K, V]{half: bound / 2, size: size}
}

// Take returns the value of a key, and removes it.
func (r *Recent[K, V]) Take(key K) (value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if value, ok = r.newer[key]; ok {
		delete(r.newer, key)
		r.used -= r.size(value)
		return value, true
	}
	if value, ok = r.older[key]; ok {
		delete(r.older, key)
	}
	return value, ok
}

// Put adds the value of a key. The key was taken before, or was never put. A value that is larger
// than a sixteenth of the bound is left out.
func (r *Recent[K, V]) Put(key K, value V) {
	if r.half == 0 {
		return
	}
	size := r.size(value)
	if size > r.half/8 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.used+size > r.half {
		// the map that is dropped has the room that the next one needs
		clear(r.older)
		r.older, r.newer, r.used = r.newer, r.older, 0
	}
	if r.newer == nil {
		r.newer = make(map[K]V)
	}
	r.newer[key] = value
	r.used += size
}

// Clear removes all values.
func (r *Recent[K, V]) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.newer, r.older, r.used = nil, nil, 0
}
