package consumer

// The bounds of what is aside.
const (
	MostAside   = mostAside
	MostWaiting = mostWaiting
	MostAhead   = mostAhead
)
