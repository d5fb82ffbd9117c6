// Package redpanda describes the topic of Redpanda or Apache Kafka through which the service
// publishes and reads events: its address, its messages and its errors. The packages below it do
// the work:
//
//	publisher        publishes events
//	source           reads the topic, as a change feed, and to compare it with the event store
//	watermillkafka   reads the topic in other services, with a Watermill router
//
// Everything in the product uses one Kafka client, franz-go, with one configuration: [Config].
//
// # The message
//
// An event is a CloudEvent 1.0 in binary mode. The key is the aggregate id as text, so all events
// of an aggregate are in one partition. The partition is chosen by the hash of the key, as in
// Java's client and in librdkafka's murmur2 partitioners. The value is the payload as it is. The
// headers:
//
//	ce_specversion    1.0                     ce_aggregatetype  aggregate type, such as order
//	ce_id             event id                ce_sequence       sequence number, 20 digits
//	ce_source         Config.Source           ce_eventversion   event version
//	ce_type           event type              ce_commandid      command id
//	ce_subject        aggregate id            ce_correlationid  correlation id
//	ce_time           created at              ce_causationid    causation id
//	content-type      application/json        ce_storeid        Config.Store
//	traceparent       W3C trace context, from the metadata of this name, and of tracestate
//
// The attributes mean the same as in package cloudevents. The code is not shared: adapters do not
// import each other, and headers are encoded in another way than JSON. A payload that is not JSON
// is application/octet-stream. Absent attributes are left out. An event without payload has an
// empty value and never a null one, because null means deletion. Other metadata is not published
// unless Config.Metadata is set; then it is one header, metadata, a JSON object.
//
// Messages that were published before there were aggregate types have no ce_aggregatetype. They are
// read as events of orders. ce_storeid came later still. A new store, such as one that is filled by
// an import, has another id.
//
// The timestamp of a message is the time of its publication and not ce_time. Brokers drop messages
// by their timestamp, so an event that is published months later would be dropped at once.
//
// [AsyncAPI] describes the same for other services.
//
// # Topics
//
// A topic that does not exist is created as Config.Topic says, unless MustExist is set. A topic
// that exists is used as it is. The broker's default says how long the topic keeps messages, unless
// Topic.Settings has retention.ms. A topic for the whole history needs -1.
//
// A topic whose cleanup.policy contains compact is refused, with [ErrCompacted], unless
// AllowCompacted is set. Brokers then keep only the last message of each key, and the key is the
// order: its history is gone. The policy is read when the publisher connects and with each
// heartbeat, because it may be changed at any time. Nothing is published while it is wrong, and no
// restart is needed when it is right again. A user who may not read the settings of the topic
// (DESCRIBE_CONFIGS) publishes without that check.
//
// Anyone who may write to the topic can write a message that looks like an event. A message is an
// event only if the event store has it. The readers of the topic in this service say so to their
// consumers, and `orderflow verify topic` compares the whole topic.
//
// # Errors
//
// Errors name the topic and the brokers. When a setting is involved, the error is a
// [*SettingError], which names the field of Config and says what to check. When a broker refuses
// something and will always refuse it, the error is [ErrRefused].
package redpanda
