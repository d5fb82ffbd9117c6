package pulse_test

import (
	"fmt"
	"time"

	"orderflow/application/pulse"
)

// A consumer waits for its next delivery. Heartbeats pass until its reader dies at 00:02.
func ExampleMonitor() {
	start := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	now := start
	monitor := pulse.NewMonitor(pulse.MonitorConfig{Interval: time.Second, Now: func() time.Time { return now }})

	monitor.Waiting("orders-by-status")
	for range 7 {
		if now.Sub(start) <= 2*time.Second {
			monitor.Arrived("orders-by-status", now)
			monitor.Passed("orders-by-status", now)
			monitor.Waiting("orders-by-status")
		}
		age, _ := monitor.Age("orders-by-status", now)
		fmt.Println(now.Format("04:05"), age, monitor.Silent("orders-by-status", now))
		now = now.Add(time.Second)
	}

	// Output:
	// 00:00 0s false
	// 00:01 0s false
	// 00:02 0s false
	// 00:03 0s false
	// 00:04 0s false
	// 00:05 3s false
	// 00:06 4s true
}
