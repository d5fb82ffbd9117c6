// Package topictest holds what the tests of this adapter's packages share: brokers, topics,
// histories, and readers and writers that do not use this adapter.
package topictest
