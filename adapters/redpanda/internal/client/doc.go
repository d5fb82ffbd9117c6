// Package client makes the Kafka clients of the adapter and explains their errors.
//
// Publisher, source and topic reader share one way to connect: the same TLS and SASL settings, the
// same bounds and pauses, and one function that turns errors of the client into those of package
// ports. So a setting means the same everywhere. An error that an operator must correct reads the
// same everywhere: it names the brokers and the setting.
//
// The settings of a topic that matter to events are read here, too, because both need them.
//
// Certificates are read for each connection. To rotate them, replace the files; no restart is
// needed.
//
// Messages of other programs cost bounded memory. An answer of a broker has at most 128 MiB. A
// batch that unpacks to more than 64 MiB, which is more than the publisher ever sends, is not
// unpacked.
package client
