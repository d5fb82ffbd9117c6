package personal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// customerPrefix begins every token of a customer.
const customerPrefix = "c1."

// CustomerIDs replaces the ids of customers by tokens, before anything is stored. A token is a
// keyed hash of the id. Without the service key nobody can find out whose it is by trying ids.
//
// The key is derived from the service key with a label of its own. So it is never the one that
// wraps keys, nor the one that names subjects, and nothing that one of them made says anything
// about the others. A key of its own would have to be kept and backed up beside the service key,
// and would be lost with the same consequences.
//
// A token must be the same for each request, so it cannot depend on a key that an erasure destroys.
// After an erasure the tokens of a customer remain in events and views. Who has the service key and
// the id can still find the orders, but nothing in them that is personal.
type CustomerIDs struct{ key []byte }

// NewCustomerIDs returns the CustomerIDs of a service key of [KeyBytes] bytes.
func NewCustomerIDs(serviceKey []byte) (CustomerIDs, error) {
	if len(serviceKey) != KeyBytes {
		return CustomerIDs{}, fmt.Errorf("the service key of personal data has %d bytes, not %d", len(serviceKey), KeyBytes)
	}
	key, err := hkdf.Key(sha256.New, serviceKey, nil, "orderflow customer id", KeyBytes)
	if err != nil {
		return CustomerIDs{}, fmt.Errorf("key of customer ids: %w", err)
	}
	return CustomerIDs{key}, nil
}

// Token returns the token of a customer. The token of a token is itself, so that what the service
// has shown can be given back to it.
func (c CustomerIDs) Token(id string) string {
	if IsCustomerToken(id) {
		return id
	}
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(id)) // it never fails
	return customerPrefix + hex.EncodeToString(mac.Sum(nil)[:tokenBytes])
}

// IsCustomerToken reports whether an id has the form of a token.
func IsCustomerToken(id string) bool {
	digits, ok := strings.CutPrefix(id, customerPrefix)
	return ok && len(digits) == 2*tokenBytes && strings.Trim(digits, "0123456789abcdef") == ""
}
