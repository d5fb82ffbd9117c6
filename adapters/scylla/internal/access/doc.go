// Package access keeps the tokens of clients and the log of operations.
//
// # Tokens
//
// All tokens are in one partition, which has at most [ports.MaxTokens] rows, so that one read gets
// them all. Writes are conditional on the id of the token that the name has. A token with the same
// id only ever gets a time of revocation. So after a write whose outcome is not known, a serial
// read shows whether what is stored is what was to be stored.
//
// # Log of operations
//
// A partition has the entries of one month. The index has a row for each month that has any, so
// that a listing reads no empty ones. It is written first: a month without entries does no harm. An
// entry is a plain write of a row of its own, and is written again after a failure.
package access

import (
	"orderflow/adapters/scylla/internal/cluster"
	"orderflow/ports"
)

// Access keeps tokens and the log of operations. It is safe for concurrent use.
type Access struct{ c *cluster.Client }

var (
	_ ports.TokenStore   = (*Access)(nil)
	_ ports.OperationLog = (*Access)(nil)
)

// New returns the tokens and the log of a keyspace.
func New(c *cluster.Client) *Access { return &Access{c: c} }
