// Package redpanda describes the topic of Redpanda or Apache Kafka that the service publishes
// events to and reads them from: where it is, what its messages are, and what goes wrong with it.
// The work is done by the packages below it:
//
//	publisher        publishes events
//	source           reads the topic: as a change feed, and to compare it with the event store
//	watermillkafka   reads the topic in other services, with a Watermill router
//
// All that is part of the product uses one Kafka client, franz-go, with one configuration:
// [Config].
//
// # The message
//
// An event is a CloudEvent 1.0 in binary mode. The key is the aggregate id as text, so all events
// of an aggregate are in one partition; which one is decided by the hash that Java's client and
// librdkafka's murmur2 partitioners take, too. The value is the payload as it is. The headers:
//
//	ce_specversion    1.0                     ce_aggregatetype  aggregate type, such as order
//	ce_id             event id                ce_sequence       sequence number, 20 digits
//	ce_source         Config.Source           ce_eventversion   event version
//	ce_type           event type              ce_commandid      command id
//	ce_subject        aggregate id            ce_correlationid  correlation id
//	ce_time           created at              ce_causationid    causation id
//	content-type      application/json        traceparent       W3C trace context, from
//	                                          tracestate        the metadata of those names
//
// The attributes mean what those of package cloudevents do, and few lines are like those over
// there: adapters do not import each other, and text in headers shares no code with text in JSON. A
// payload that is not JSON is application/octet-stream. What is absent is left out. An event
// without payload has an empty value, never none, which would mean deletion. The rest of the
// metadata stays inside unless Config.Metadata says otherwise; then it is one header, metadata, a
// JSON object.
//
// Messages that were published before there were aggregate types have no ce_aggregatetype. They are
// read as events of orders.
//
// The timestamp of a message is when it was published, not ce_time: brokers drop messages by their
// timestamp, and an event that is caught up with months later would be gone on arrival.
//
// [AsyncAPI] describes the same for other services.
//
// # Topics
//
// A topic that does not exist is created as Config.Topic says, unless MustExist; one that exists is
// taken as it is. How long the topic keeps messages is the broker's default unless Topic.Settings
// has retention.ms; who wants to read all history from it wants -1.
//
// Anyone who may write to the topic can put a message there that looks like an event. A message is
// an event only if the event store has it: what reads the topic in this service says so to its
// consumers, and `orderflow verify topic` compares all of it.
//
// # Errors
//
// Errors name the topic and the brokers. Where a setting has to do with one, it is a
// [*SettingError], which names the field of Config and says what to look at. What a broker refuses,
// and will refuse tomorrow, is [ErrRefused].
package redpanda
