// Package access tells who a client is: by a token of the service, by an access token of an
// identity provider, or by a certificate. It also keeps the certificate of the server up to date.
//
// # Tokens
//
// A token is ofk_, an id, a secret of 256 random bits and a checksum. The checksum lets a typing
// error fail without a look at the store, and lets tools that look for leaked secrets be sure. The
// store has only the SHA-256 of a token. A plain hash is enough: nobody can guess 256 bits.
//
// A process reads all tokens, at most [ports.MaxTokens], and uses them for two seconds. When the
// store does not answer they are used for five seconds, and after that nobody is let through. So a
// revocation takes effect in every process within five seconds, and checking a token costs no I/O.
//
// # The token of this start
//
// A process makes one more token when it starts, for the command line on the same machine. It is in
// no store, and ends with the process. Its file is readable by the owner of the data only.
//
// Secrets are compared in constant time. No error and no log has a secret in it.
package access
