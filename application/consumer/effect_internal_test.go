package consumer

import (
	"context"
	"errors"
	"testing"
)

// The context of effects ends with each of three things, whether somebody waits for its end or only
// asks, and whether it is asked before or after that.
func TestEffectContext(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(parent, life, over func()){
		"the context of Handle": func(parent, _, _ func()) { parent() },
		"the life":              func(_, life, _ func()) { life() },
		"the call":              func(_, _, over func()) { over() },
	} {
		for _, waits := range []bool{false, true} {
			parent, endParent := context.WithCancel(context.WithValue(t.Context(), key{}, 7))
			l := &life{}
			l.aborted, l.abort = context.WithCancel(context.Background())
			ctx, over := l.within(parent)
			var done <-chan struct{}
			if waits {
				done = ctx.Done()
			}
			if ctx.Err() != nil || ctx.Value(key{}) != 7 {
				t.Errorf("%s: error %v before", what, ctx.Err())
			}
			end(endParent, l.abort, over)
			if waits {
				<-done
			}
			<-ctx.Done()
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Errorf("%s: error %v", what, ctx.Err())
			}
			over()
			endParent()
			l.abort()
		}
	}
}

type key struct{}
