// Package exportfile reads and writes files of stored records: one JSON object a line, compressed
// with zstd or not.
//
// # The file
//
//	{"format":"orderflow/1","store":"…","created":"…", …}   the header
//	{"aggregate_type":"order","aggregate_id":"…", …}        one line for each record
//	{"operation_id":"…","at":"…","action":"pause", …}       one line for each entry of the log
//	{"orders":2,"events":7,"sha256":"…"}                    the trailer
//
// The lines of a record have the names of the columns of the event store, in their order. The
// payload is JSON, byte by byte as it is stored. A payload that is no JSON in one line is in
// payload_base64 instead. The last member, crc, is the CRC-32C of the line up to that member, in
// hexadecimal; so a damaged line is found where it is. It may be left out. Members with an empty
// value are left out, too.
//
// The records of one aggregate come in sequence order. Without --follow they come in one run of
// lines. With --follow an aggregate may come again, with its later events or with some that were
// there before. All events of one command come one after the other.
//
// A whole export also has the log of operations, after the records. Its format is orderflow/2, and
// operations in the trailer counts the entries. Part of a store has no log, and the format
// orderflow/1, which earlier programs read. This program reads both.
//
// In the trailer, orders counts the runs of lines of one aggregate, events the records, and sha256
// is about the lines of records and entries, with their line ends. A file without a trailer is not
// complete. Two exports of the same histories have the same trailer if they list them in the same
// order.
//
// # Bounds
//
// A line has at most 96 MiB, because one append has at most 64 MiB of records. A [Reader] holds one
// part: up to 256 records, and the rest of the last command. With Whole it holds the records of one
// run, with up to 16 MiB.
package exportfile
