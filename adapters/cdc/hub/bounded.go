package hub

import "container/list"

// bounded is a map that drops the keys that were set least recently.
type bounded[K comparable, V any] struct {
	limit  int
	values map[K]*list.Element // of order, whose values are *pair
	order  *list.List          // the one that was set last comes last
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func newBounded[K comparable, V any](limit int) *bounded[K, V] {
	return &bounded[K, V]{limit: limit, values: map[K]*list.Element{}, order: list.New()}
}

func (b *bounded[K, V]) get(k K) (v V, ok bool) {
	if e := b.values[k]; e != nil {
		return e.Value.(*pair[K, V]).value, true
	}
	return v, false
}

// put sets a value. It returns the value of the key that is dropped for it, if one is.
func (b *bounded[K, V]) put(k K, v V) (forgotten V, full bool) {
	if e := b.values[k]; e != nil {
		e.Value.(*pair[K, V]).value = v
		b.order.MoveToBack(e)
		return forgotten, false
	}
	b.values[k] = b.order.PushBack(&pair[K, V]{k, v})
	if b.order.Len() <= b.limit {
		return forgotten, false
	}
	oldest := b.order.Remove(b.order.Front()).(*pair[K, V])
	delete(b.values, oldest.key)
	return oldest.value, true
}
