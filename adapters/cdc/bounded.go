package cdc

// bounded is a map that forgets its oldest keys.
type bounded[K comparable, V any] struct {
	limit  int
	values map[K]V
	order  []K
}

func newBounded[K comparable, V any](limit int) *bounded[K, V] {
	return &bounded[K, V]{limit: limit, values: map[K]V{}}
}

func (b *bounded[K, V]) get(k K) (V, bool) {
	v, ok := b.values[k]
	return v, ok
}

// put sets a value, and returns that of the key which is forgotten for it, if one is. A key that is there already keeps its age.
func (b *bounded[K, V]) put(k K, v V) (forgotten V, full bool) {
	if _, ok := b.values[k]; !ok {
		b.order = append(b.order, k)
	}
	b.values[k] = v
	if full = len(b.order) > b.limit; full {
		forgotten = b.values[b.order[0]]
		delete(b.values, b.order[0])
		b.order = b.order[1:]
	}
	return forgotten, full
}
