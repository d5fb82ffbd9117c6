// Package message turns events into messages of the topic and back. The form of a message is
// described in package redpanda.
//
// It knows no Kafka client: headers are any type of name and bytes, as kgo.RecordHeader is. So what
// others use with another client reads messages with the same code.
//
// A message that carries no event has an error with a kind. Two kinds come from headers: one that
// does not claim to be an event of ours, and one that does and cannot be read. That a message can
// be read does not make it an event: anyone who may write to the topic can write one that looks
// right. Whether it is one, only the event store says.
package message
