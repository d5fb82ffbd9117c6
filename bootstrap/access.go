package bootstrap

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"orderflow/adapters/access"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/sessionapi"
	"orderflow/application/operations"
	"orderflow/bootstrap/metrics"
	"orderflow/ports"
)

// Auth is a way in which clients prove who they are.
type Auth string

// The ways. AuthNone stands alone: everybody may do everything.
const (
	AuthNone   Auth = "none"
	AuthTokens Auth = "tokens"
	AuthOIDC   Auth = "oidc"
)

// Access says who may use the API.
type Access struct {
	// Auth are the ways that are accepted.
	Auth []Auth
	// Insecure allows AuthNone on an address that is not of the loopback interface.
	Insecure bool
	// MetricsAuth asks for credentials at /metrics, too.
	MetricsAuth bool
	// OIDC is the identity provider whose tokens are accepted, for AuthOIDC.
	OIDC access.OIDCConfig
	// Login is how people log in with a browser at that provider. They cannot without a ClientID.
	Login access.LoginConfig
	// PublicURL is the address at which browsers find the service, such as https://orders.example.
	// Empty stands for the one that a request names, which is right unless a proxy changes it.
	PublicURL string
	// SessionKey is the secret with which sessions of browsers are sealed. Processes with the same
	// one accept the sessions of each other. Empty stands for a new one.
	SessionKey []byte
	// SessionLife is the longest time of a session.
	SessionLife time.Duration
	// Limits bound what one client may use of the service. They do not apply to a loopback address
	// with AuthNone.
	Limits endpoint.Limits
	// OpsListen is another address, with all of the API. The address of everybody is then without
	// the operations of operators, metrics, and details of the readiness. Empty stands for none.
	OpsListen string
	// Profiles adds routes with which administrators take profiles of the Go runtime. With
	// OpsListen they are there only. Without it the service must listen on a loopback address.
	Profiles bool
	// TLSCert and TLSKey are the files of the certificate. They are read again when they change.
	// Empty stands for no TLS.
	TLSCert, TLSKey string
	// ClientCA is a file with authorities whose certificates clients may show. ClientRoles are the
	// roles of clients by the common names in their certificates.
	ClientCA    string
	ClientRoles map[string]string
}

// asks reports whether the API asks for credentials.
func (a Access) asks() bool { return !slices.Equal(a.Auth, []Auth{AuthNone}) }

// validate reports everything that is wrong with a, for a service that listens on an address.
func (a Access) validate(listen string, bad func(setting, format string, args ...any)) {
	a.validateTLS(bad)
	if slices.Contains(a.Auth, AuthOIDC) {
		if err := a.OIDC.Validate(); err != nil {
			part, problem, _ := strings.Cut(err.Error(), ": ")
			bad("oidc-"+part, "%s", problem)
		}
	} else if a.OIDC.Issuer+a.OIDC.Audience+a.OIDC.ScopeClaim+a.Login.ClientID != "" {
		bad("oidc-issuer", "it needs --auth=%s", AuthOIDC)
	}
	a.validateSessions(bad)
	if a.Limits.Rate <= 0 || a.Limits.Burst < 1 || a.Limits.Concurrent < 1 {
		bad("client-rate, client-burst and client-concurrency", "they must be positive")
	}
	if _, _, err := net.SplitHostPort(a.OpsListen); a.OpsListen != "" && err != nil {
		bad("ops-listen", "%q is not host:port", a.OpsListen)
	}
	if a.Profiles && a.OpsListen == "" && !isLoopback(listen) {
		bad("pprof", "it needs --ops-listen, because %s can be reached from other machines", listen)
	}
	for _, way := range a.Auth {
		if way != AuthNone && way != AuthTokens && way != AuthOIDC {
			bad("auth", "%q is none of %s, %s and %s", way, AuthNone, AuthTokens, AuthOIDC)
		}
	}
	switch {
	case len(a.Auth) == 0:
		bad("auth", "it is empty: say %s, %s or %s", AuthNone, AuthTokens, AuthOIDC)
	case len(a.Auth) > 1 && slices.Contains(a.Auth, AuthNone):
		bad("auth", "%s stands alone", AuthNone)
	case !a.asks() && !a.Insecure && !(isLoopback(listen) && isLoopback(a.OpsListen)):
		bad("listen", "%s can be reached from other machines, and with --auth=%s whoever reaches it may do everything: "+
			"say --auth=%s, or --insecure if something else guards it", cmp.Or(a.OpsListen, listen), AuthNone, AuthTokens)
	}
}

// validateSessions reports everything that is wrong with the settings about browsers.
func (a Access) validateSessions(bad func(setting, format string, args ...any)) {
	if a.Login.ClientID == "" && a.Login.ClientSecret != "" {
		bad("oidc-client-secret-file", "it needs --oidc-client-id")
	}
	if len(a.SessionKey) > 0 && len(a.SessionKey) < access.MinKey {
		bad("session-key-file", "the key has %d bytes, and must have at least %d", len(a.SessionKey), access.MinKey)
	}
	if a.SessionLife < time.Minute || a.SessionLife > maxSessionLife {
		bad("session-life", "%s is not 1m to %s", a.SessionLife, maxSessionLife)
	}
	if public, err := url.Parse(a.PublicURL); a.PublicURL != "" &&
		(err != nil || public.Scheme != "https" && public.Scheme != "http" || a.PublicURL != public.Scheme+"://"+public.Host || public.Host == "") {
		bad("public-url", "%q is not an address such as https://orders.example, without a path", a.PublicURL)
	}
}

// maxSessionLife is a month. Whoever may do something should be asked from time to time.
const maxSessionLife = 720 * time.Hour

// isLoopback reports whether an address can be reached from this machine only.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "localhost" {
		return true // a malformed one is reported elsewhere
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// wireAccess makes what tells who a client is. Nobody is asked without authentication.
func (a *App) wireAccess() (err error) {
	a.tokens = access.NewTokens(a.store, time.Now)
	a.recordings = operations.NewRecorder(operations.Config{Log: a.store, Now: time.Now, NewID: newID})
	if !a.config.Access.asks() {
		return nil
	}
	door := &access.Door{Certificates: a.config.Access.certificateScopes()}
	door.Sessions, err = access.NewSessions(access.SessionConfig{
		Key: a.config.Access.SessionKey, Life: a.config.Access.SessionLife, Now: time.Now,
	})
	if err != nil {
		return err
	}
	door.Local, a.localToken = access.NewLocal()
	if slices.Contains(a.config.Access.Auth, AuthTokens) {
		door.Tokens = a.tokens
	}
	if slices.Contains(a.config.Access.Auth, AuthOIDC) {
		settings := a.config.Access.OIDC
		settings.Now = time.Now
		provider := access.NewOIDC(settings)
		door.OIDC = provider
		if a.config.Access.Login.ClientID != "" {
			a.logins = access.NewLogins(a.config.Access.Login, provider, door.Sessions)
		}
	}
	a.door = metrics.NewRefusals(door)
	return nil
}

// sessionRoutes are those with which people log in with a browser.
func (a *App) sessionRoutes() endpoint.Resource {
	var config sessionapi.Config
	if a.door != nil {
		config.Sessions = a.door
	}
	if a.logins != nil {
		config.Logins = a.logins
	}
	return sessionapi.New(config)
}

// authenticator returns who tells who a client is. It is nil when nobody is asked.
func (a *App) authenticator() ports.Authenticator {
	if a.door == nil {
		return nil
	}
	return a.door
}

// limits returns what one client may use. On a loopback address without authentication all clients
// are the same people.
func (a *App) limits() endpoint.Limits {
	if !a.config.Access.asks() && isLoopback(a.config.Listen) {
		return endpoint.Limits{}
	}
	return a.config.Access.Limits
}

// LocalToken returns the token of this start, which allows everything. It is empty without
// authentication.
func (a *App) LocalToken() string { return a.localToken }

// localAccessName is the name of the file in a data directory with which the command line of the
// same user uses the service.
const localAccessName = "local-access.json"

// LocalAccess is what the command line needs for a service on this machine.
type LocalAccess struct {
	// Token is the token of this start.
	Token string `json:"token,omitempty"`
	// Certificate is the SHA-256 of the certificate of the service, in hexadecimal digits. It is
	// empty without TLS.
	Certificate string `json:"certificate,omitempty"`
}

// announceAccess writes the file for the command line. It is removed at the end.
func (a *App) announceAccess() error {
	if a.config.Store != StoreEmbedded || a.config.Passive || a.localToken == "" && a.certificates == nil {
		return nil
	}
	a.localAccess = filepath.Join(a.config.Data, localAccessName)
	a.closers = append(a.closers, removal(a.localAccess))
	return a.writeLocalAccess()
}

// writeLocalAccess writes the file, also when there is another certificate.
func (a *App) writeLocalAccess() error {
	if a.localAccess == "" {
		return nil
	}
	local := LocalAccess{Token: a.localToken}
	if a.certificates != nil {
		local.Certificate = a.certificates.Fingerprint()
	}
	content, err := json.Marshal(local)
	if err != nil {
		return err
	}
	if err := writePrivately(a.localAccess, append(content, '\n')); err != nil {
		return fmt.Errorf("write the token for the command line: %w", err)
	}
	return nil
}

// writePrivately writes a file that only its owner can read, whatever was there before.
func writePrivately(path string, content []byte) error {
	// it has the mode 0600
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	if err := errors.Join(err, temporary.Close()); err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return os.Rename(temporary.Name(), path)
}

// removal is a file that is removed when it is closed.
type removal string

// Close implements io.Closer.
func (path removal) Close() error {
	if err := os.Remove(string(path)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ReadLocalAccess returns what the command line needs for the service that has the data directory
// open. It is empty when that service asks for no credentials.
func ReadLocalAccess(data string) (local LocalAccess, err error) {
	content, err := os.ReadFile(filepath.Join(data, localAccessName))
	if errors.Is(err, fs.ErrNotExist) {
		return LocalAccess{}, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &local)
	}
	if err != nil {
		return LocalAccess{}, fmt.Errorf("read the token for the command line: %w", err)
	}
	return local, nil
}
