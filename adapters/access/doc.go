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
// # Identity providers
//
// With go-oidc the provider is found by its address, and go-jose checks signatures, RS256, ES256 or
// EdDSA. Own code is what the libraries leave open: keys are used for an hour, and read again for a
// key that is not known at most once in 30 seconds. A token with a key that is not known at such a
// moment gets "unavailable" and not a refusal, because the provider may have a new key. So no right
// token is refused when keys change. While the provider does not answer, known keys are used for a
// day. The claims iss, aud, exp, nbf and the type are checked here, so that a refusal can say which
// one is wrong.
//
// # Sessions of browsers
//
// A person logs in with a token, once, or at the identity provider: authorization code with PKCE,
// with x/oauth2 and go-oidc. The browser then shows a session in place of the token. Its text holds
// who has logged in and until when, sealed with AES-256-GCM, and no token. So nothing is stored
// here, and whoever finds the text of a session can use it no longer than that. A session of a
// token of this service is checked against the token each time, so it ends when the token is
// revoked. One of a provider ends with the provider's token.
//
// The key is a setting. Processes with the same key accept the sessions of each other, and logins
// that another process has begun. Without the setting a process makes a key when it starts. There
// is no key in the store, because whoever can read a store or a backup could then be anybody.
//
// A login that was begun is sealed in the same way and kept by the browser: state, nonce and the
// verifier of PKCE.
//
// Secrets are compared in constant time. No error and no log has a secret in it.
package access
