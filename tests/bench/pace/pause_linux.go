package pace

import (
	"errors"
	"syscall"
	"time"
)

// Pause sleeps more precisely than time.Sleep, which may take a millisecond longer in an idle
// process.
func Pause(d time.Duration) {
	if d <= 0 {
		return
	}
	remaining := syscall.NsecToTimespec(int64(d))
	for errors.Is(syscall.Nanosleep(&remaining, &remaining), syscall.EINTR) {
	}
}
