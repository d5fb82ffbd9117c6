//go:build !linux

package bench_test

import "time"

func pause(d time.Duration) { <-time.After(d) }
