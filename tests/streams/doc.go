// Package streams tests the live streams of a whole service: clients that are killed at random, and
// restarts of the service, while events are committed.
package streams
