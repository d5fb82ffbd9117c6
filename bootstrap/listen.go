package bootstrap

import (
	"crypto/tls"
	"fmt"
	"net"

	"orderflow/adapters/access"
	"orderflow/ports"
)

// listen opens the listeners. With TLS both have the same certificate.
func (a *App) listen() (err error) {
	s := a.config.Access
	if s.TLSCert != "" {
		files := access.TLSFiles{Cert: s.TLSCert, Key: s.TLSKey, Client: s.ClientCA}
		a.certificates, err = access.OpenCertificates(files, a.log, func(string) error { return a.writeLocalAccess() })
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
	}
	if a.listener, err = a.listenOn("listen", a.config.Listen); err != nil {
		return err
	}
	if s.OpsListen != "" {
		a.opsListener, err = a.listenOn("ops-listen", s.OpsListen)
	}
	return err
}

func (a *App) listenOn(setting, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, listenError(setting, address, err)
	}
	if a.certificates != nil {
		listener = tls.NewListener(listener, a.certificates.Config())
	}
	a.closers = append(a.closers, listenerCloser{listener})
	return listener, nil
}

// urlOf returns the address of a listener.
func (a *App) urlOf(listener net.Listener) string {
	if a.certificates != nil {
		return "https://" + listener.Addr().String()
	}
	return "http://" + listener.Addr().String()
}

// OperatorsURL returns the address at which operators find all of the API.
func (a *App) OperatorsURL() string {
	if a.opsListener != nil {
		return a.urlOf(a.opsListener)
	}
	return a.URL()
}

// certificateNotes says what needs attention while the service works.
func (a *App) certificateNotes() []string {
	if a.certificates == nil {
		return nil
	}
	if err := a.certificates.Err(); err != nil {
		return []string{"the certificate cannot be loaded, and the one before stays in use: " + err.Error()}
	}
	return nil
}

// certificateScopes returns the rights of clients by the names in their certificates.
func (a Access) certificateScopes() map[string][]ports.Scope {
	if a.ClientCA == "" {
		return nil
	}
	scopes := make(map[string][]ports.Scope)
	for name, role := range a.ClientRoles {
		scopes[name] = ports.Role(role).Scopes()
	}
	return scopes
}

// validateTLS reports everything that is wrong with the settings about TLS.
func (a Access) validateTLS(bad func(setting, format string, args ...any)) {
	if (a.TLSCert == "") != (a.TLSKey == "") {
		bad("tls-cert and tls-key", "one is of no use without the other")
	}
	if a.ClientCA != "" && a.TLSCert == "" {
		bad("tls-client-ca", "it needs --tls-cert")
	}
	if a.ClientCA != "" && !a.asks() {
		bad("tls-client-ca", "it needs another --auth than %s, which asks nobody", AuthNone)
	}
	if len(a.ClientRoles) > 0 && a.ClientCA == "" {
		bad("tls-client-roles", "it needs --tls-client-ca")
	}
	for name, role := range a.ClientRoles {
		if ports.Role(role).Scopes() == nil {
			bad("tls-client-roles", "%q of %s is none of %v", role, name, ports.Roles())
		}
	}
}
