// Package compact writes the fields of a value as bytes, one after the other, and reads them back.
//
// The writer and the reader of a value name its fields in the same order. The bytes do not say
// which fields they hold. So whoever stores them also stores the version of that order, see
// projection.Layout.
//
//	text    its length as an unsigned varint, and its bytes
//	number  a varint, as encoding/binary writes it
//	count   an unsigned varint
//	id      16 bytes
//	time    seconds since 1970 as a varint, and nanoseconds as an unsigned varint
//
// Each value has exactly one encoding. A [Reader] refuses all others, and never reads or allocates
// more than its input justifies. So what was read, written again, gives the same bytes.
package compact
