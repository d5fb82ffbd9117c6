package cdc

import "time"

// Expire makes the feed regard everything up to now as expired, when the safe reader has read it,
// as if the first stream set of the log began now.
func (f *Feed) Expire() {
	now := f.config.Now()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for f.hub.Confirmed().Before(now) {
		<-again.C
	}
	f.hub.Keep(f.hub.Stats().Retention, now, now)
	f.hub.Expire()
}
