//go:build race

package embedded_test

// raceDetector tells that everything takes ten times as long.
const raceDetector = true
