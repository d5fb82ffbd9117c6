package layout

import (
	"encoding/binary"
	"errors"
	"fmt"

	"orderflow/ports"
)

// The formats of tokens and entries of the log of operations, with what they hold.
const (
	// formatToken: id, hash, number of scopes, scopes, created by, created at, expires at, revoked
	// at.
	formatToken = 1
	// formatOperation: subject, token id, action, target, aggregate id, reason, detail, failure.
	formatOperation = 1
)

// TokenKey is the key of a token.
func TokenKey(name string) []byte { return append([]byte{SpaceToken}, name...) }

// EncodeToken returns the value of a token. It refuses a time that milliseconds cannot hold.
func EncodeToken(t ports.AccessToken) ([]byte, error) {
	value := append(appendString([]byte{formatToken}, t.ID), t.Hash[:]...)
	value = binary.AppendUvarint(value, uint64(len(t.Scopes)))
	for _, scope := range t.Scopes {
		value = appendString(value, string(scope))
	}
	value, errCreated := appendTime(appendString(value, t.CreatedBy), t.CreatedAt)
	value, errExpires := appendTime(value, t.ExpiresAt)
	value, errRevoked := appendTime(value, t.RevokedAt)
	return value, errors.Join(errCreated, errExpires, errRevoked)
}

// DecodeToken reads a token.
func DecodeToken(key, value []byte) (ports.AccessToken, error) {
	v := decode(value, formatToken)
	t := ports.AccessToken{Name: string(key[1:]), ID: v.string()}
	copy(t.Hash[:], v.bytes(uint64(len(t.Hash))))
	for n := v.uvarint(); n > 0 && v.err == nil; n-- {
		t.Scopes = append(t.Scopes, ports.Scope(v.string()))
	}
	t.CreatedBy, t.CreatedAt, t.ExpiresAt, t.RevokedAt = v.string(), v.time(), v.time(), v.time()
	if err := v.end(); err != nil {
		return ports.AccessToken{}, fmt.Errorf("token: %w", err)
	}
	return t, nil
}

// OperationKey is the key of an entry of the log of operations. The newest comes first.
func OperationKey(e ports.OperationEntry) ([]byte, error) {
	millis, err := toMillis(e.At)
	key := appendOrdered([]byte{SpaceOperation}, millis)
	key = append(key, e.ID[:]...)
	invert(key[1:])
	return key, err
}

// EncodeOperation returns the value of an entry.
func EncodeOperation(e ports.OperationEntry) []byte {
	value := []byte{formatOperation}
	for _, text := range []string{e.Subject, e.TokenID, e.Action, e.Target} {
		value = appendString(value, text)
	}
	value = append(value, e.AggregateID[:]...)
	return appendString(appendString(appendString(value, e.Reason), e.Detail), e.Failure)
}

// DecodeOperation reads an entry. When its value cannot be read, what the key says is still right.
func DecodeOperation(key, value []byte) (ports.OperationEntry, error) {
	plain := append([]byte(nil), key[1:]...)
	invert(plain)
	k := decoder{rest: plain}
	e := ports.OperationEntry{At: FromMillis(k.ordered(false)), ID: k.uuid()}
	if err := k.end(); err != nil {
		return ports.OperationEntry{}, fmt.Errorf("key of an operation: %w", err)
	}
	v := decode(value, formatOperation)
	read := ports.OperationEntry{
		ID: e.ID, At: e.At, Subject: v.string(), TokenID: v.string(), Action: v.string(), Target: v.string(),
		AggregateID: v.uuid(), Reason: v.string(), Detail: v.string(), Failure: v.string(),
	}
	if err := v.end(); err != nil {
		return e, fmt.Errorf("operation: %w", err)
	}
	return read, nil
}
