// Package topictest has what the tests of this adapter's packages share: brokers, topics,
// histories, and readers and writers that are not of this adapter.
package topictest
