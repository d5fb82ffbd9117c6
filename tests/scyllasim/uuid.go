package scyllasim

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/rand/v2"
)

// gregorianOffset is the number of 100 ns steps from 1582-10-15, where version 1 UUIDs count from,
// to 1970-01-01.
const gregorianOffset = 0x01B21DD213814000

// timeUUIDAt is a version 1 UUID of a time in microseconds, with the given lower half.
func timeUUIDAt(micros int64, low uint64) []byte {
	ts := uint64(micros*10 + gregorianOffset)
	b := make([]byte, 16)
	binary.BigEndian.PutUint32(b, uint32(ts))
	binary.BigEndian.PutUint16(b[4:], uint16(ts>>32))
	binary.BigEndian.PutUint16(b[6:], uint16(ts>>48)&0x0fff|0x1000)
	binary.BigEndian.PutUint64(b[8:], low)
	return b
}

// randomTimeUUID returns a version 1 UUID with random low bits, like every cdc$time. Two of the
// same microsecond have no defined order.
func randomTimeUUID(micros int64) []byte { return timeUUIDAt(micros, rand.Uint64()) }

func timeUUIDMicros(b []byte) int64 {
	ts := uint64(binary.BigEndian.Uint32(b)) | uint64(binary.BigEndian.Uint16(b[4:]))<<32 | uint64(binary.BigEndian.Uint16(b[6:])&0x0fff)<<48
	return (int64(ts) - gregorianOffset) / 10
}

// compareTimeUUID orders by time, then by the lower half as signed bytes.
func compareTimeUUID(a, b []byte) int {
	if len(a) != 16 || len(b) != 16 {
		return bytes.Compare(a, b)
	}
	if c := cmp.Compare(ticks(a), ticks(b)); c != 0 {
		return c
	}
	for i := 8; i < 16; i++ {
		if c := cmp.Compare(int8(a[i]), int8(b[i])); c != 0 {
			return c
		}
	}
	return 0
}

// compareUUID compares by version, those of version 1 by time, and then byte by byte. It is the
// order of the type uuid, where that of timeuuid has signed bytes.
func compareUUID(a, b []byte) int {
	if len(a) != 16 || len(b) != 16 {
		return bytes.Compare(a, b)
	}
	if c := cmp.Compare(a[6]>>4, b[6]>>4); c != 0 {
		return c
	}
	if a[6]>>4 == 1 {
		if c := cmp.Compare(ticks(a), ticks(b)); c != 0 {
			return c
		}
	}
	return bytes.Compare(a, b)
}

// ticks is the time of a UUID of version 1.
func ticks(b []byte) uint64 {
	return uint64(binary.BigEndian.Uint16(b[6:])&0x0fff)<<48 | uint64(binary.BigEndian.Uint16(b[4:]))<<32 | uint64(binary.BigEndian.Uint32(b))
}
