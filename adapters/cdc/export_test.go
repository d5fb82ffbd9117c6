package cdc

import "time"

// Expire makes the feed see everything up to now as expired, when the safe reader has got there.
func (f *Feed) Expire() {
	now := f.config.Now()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for f.hub.confirmed().Before(now) {
		<-again.C
	}
	f.hub.mu.Lock()
	f.hub.dropped = now
	f.hub.mu.Unlock()
	f.hub.expire()
}
