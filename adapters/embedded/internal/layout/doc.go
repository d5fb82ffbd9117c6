// Package layout defines the keys and the values that the embedded store keeps in Pebble.
//
// # Keys
//
// The first byte of a key is its space, see the constants Space. Numbers in keys are big-endian, so
// the order of the keys is the order of the numbers. Keys of rows sort as their tables declare, see
// columns.go.
//
// # Values
//
// A value starts with a format byte. Its remaining bytes depend on the format: numbers are
// uvarints, times are varints in milliseconds since 1970, a string is its length (uvarint) and its
// bytes, and a UUID is its 16 bytes. Every value has exactly one encoding in each format. So a
// decoder refuses bytes that no encoder writes, and damage is unlikely to pass for data.
//
// A value of an older format is read as it is. It is written in the newest format when it changes.
//
// Errors of decoders are plain errors. The caller says which row is damaged.
package layout
