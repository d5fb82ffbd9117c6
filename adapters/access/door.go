package access

import (
	"context"
	"crypto/x509"
	"strings"

	"orderflow/ports"
)

// Door is the [ports.Authenticator] of a service. A way to authenticate whose field is nil is not
// accepted. It is safe for concurrent use.
type Door struct {
	Local  *Local
	Tokens *Tokens
	// OIDC checks the access tokens of an identity provider.
	OIDC interface {
		Principal(ctx context.Context, token string) (ports.Principal, error)
	}
	// Certificates has the rights of clients by the common names of their certificates. The chains
	// of the certificates were verified by the server.
	Certificates map[string][]ports.Scope
	// Sessions reads the sessions of browsers.
	Sessions *Sessions
}

var _ ports.Authenticator = (*Door)(nil)

// Authenticate implements [ports.Authenticator]. A token counts, and neither the session nor the
// certificate beside it.
func (d *Door) Authenticate(ctx context.Context, shown ports.Credentials) (ports.Principal, error) {
	switch {
	case shown.Bearer == "" && shown.Session != "" && d.Sessions != nil:
		return d.bySession(ctx, shown)
	case shown.Bearer == "" && shown.Certificate != nil && d.Certificates != nil:
		return d.byCertificate(shown.Certificate)
	case shown.Bearer == "":
		return ports.Principal{}, refuse(ports.CredentialMissing,
			"credentials are needed: log in at /ui/, or send Authorization: Bearer and a token")
	case strings.HasPrefix(shown.Bearer, ports.TokenPrefix):
		return d.byToken(ctx, shown.Bearer)
	case d.OIDC != nil:
		return d.OIDC.Principal(ctx, shown.Bearer)
	default:
		return ports.Principal{}, refuse(ports.CredentialMalformed, "this is no token of this service")
	}
}

func (d *Door) byToken(ctx context.Context, token string) (ports.Principal, error) {
	id, ok := idOf(token)
	if !ok {
		return ports.Principal{}, refuse(ports.CredentialMalformed, "the token is incomplete or mistyped")
	}
	if principal, ok := d.Local.principal(token); ok {
		return principal, nil
	}
	if d.Tokens == nil {
		return ports.Principal{}, refuse(ports.CredentialUnknown, "there is no such token")
	}
	return d.Tokens.principal(ctx, token, id)
}

func (d *Door) byCertificate(certificate *x509.Certificate) (ports.Principal, error) {
	name := certificate.Subject.CommonName
	scopes, known := d.Certificates[name]
	if !known {
		return ports.Principal{}, refuse(ports.CredentialUnknown, "no role is given to the certificate of %.64q", name)
	}
	return ports.Principal{
		Subject: "tls:" + name, TokenID: certificate.SerialNumber.Text(16), Scopes: scopes, Expires: certificate.NotAfter,
	}, nil
}
