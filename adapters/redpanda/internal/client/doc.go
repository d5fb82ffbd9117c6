// Package client makes the Kafka clients of the adapter and says what their errors mean.
//
// Publisher, source and topic reader share one way to connect: the same TLS and SASL settings, the
// same bounds and pauses, and one function that turns errors of the client into those of package
// ports. So a setting means the same everywhere, and an error that a person must correct reads the
// same everywhere: it names the brokers, and the setting that has to do with it.
//
// Certificates are read for each connection. Who rotates them replaces the files; nothing needs a
// restart.
//
// What others put into the topic costs bounded memory: an answer of a broker has at most 128 MiB,
// and a batch that unpacks to more than 64 MiB, which is more than the publisher ever sends, is not
// unpacked.
package client
