// Package message turns events into messages of the topic and back. Package redpanda describes the
// form of a message.
//
// It knows no Kafka client: headers are any type with a name and bytes, like kgo.RecordHeader. So
// users of another client read messages with the same code.
//
// The error for a message without an event has a kind. Two kinds come from headers: the message
// does not claim to be an event of ours, or it does and cannot be read. A message that can be read
// need not be an event, because anyone who may write to the topic can write one that looks right.
// Only the event store reports whether it is one.
package message
