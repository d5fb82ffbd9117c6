//go:build !linux

package pace

import "time"

// Pause sleeps.
func Pause(d time.Duration) { <-time.After(d) }
