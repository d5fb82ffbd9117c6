package bench_test

import (
	"errors"
	"syscall"
	"time"
)

// pause sleeps more exactly than time.Sleep, which may take a millisecond longer in a process that has nothing else to do.
func pause(d time.Duration) {
	if d <= 0 {
		return
	}
	remaining := syscall.NsecToTimespec(int64(d))
	for errors.Is(syscall.Nanosleep(&remaining, &remaining), syscall.EINTR) {
	}
}
