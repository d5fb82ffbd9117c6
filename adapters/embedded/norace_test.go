//go:build !race

package embedded_test

// raceDetector reports whether everything takes ten times as long.
const raceDetector = false
