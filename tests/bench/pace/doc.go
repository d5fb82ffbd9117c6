// Package pace sends commands to a system at a fixed rate, notes when each was answered and when
// every view had its effect, and searches for the highest rate that the views follow. Orderflow and
// its peers are measured by the same code, in process and over HTTP.
//
// Commands are due at a fixed rate, whether or not earlier ones have been answered. Only a command
// whose order waits for an answer waits as well. Every latency counts from the moment at which its
// command was due. So a stall is not hidden by the commands that it kept from being sent.
package pace
