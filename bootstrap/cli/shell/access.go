package shell

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/client"
)

// The environment variables with secrets. There is no flag for them: other users can see command
// lines.
const (
	tokenVariable        = "ORDERFLOW_TOKEN"
	clientSecretVariable = "ORDERFLOW_OIDC_CLIENT_SECRET"
	sessionKeyVariable   = "ORDERFLOW_SESSION_KEY"
)

func (sh *Shell) accessFlags(flags *pflag.FlagSet) {
	a := &sh.Config.Access
	flags.StringSliceVar(&sh.auth, "auth", []string{string(bootstrap.AuthNone)},
		"how clients prove who they are: none (everybody may do everything), tokens (see 'orderflow token'), oidc (an identity provider), or tokens,oidc")
	flags.StringVar(&a.OIDC.Issuer, "oidc-issuer", "", "address of the identity provider, such as https://login.example")
	flags.StringVar(&a.OIDC.Audience, "oidc-audience", "", "what its tokens for this service have in aud")
	flags.StringVar(&a.OIDC.ScopeClaim, "oidc-scope-claim", "",
		"path of a claim with scopes or roles, such as realm_access.roles (default scope or scp)")
	flags.StringVar(&a.Login.ClientID, "oidc-client-id", "",
		"id of this service at the identity provider; with it people can log in at /ui/")
	flags.StringVar(&sh.clientSecretFile, "oidc-client-secret-file", "",
		"file with the secret for that id, unless it is public (or the variable "+clientSecretVariable+")")
	flags.StringSliceVar(&a.Login.Scopes, "oidc-login-scopes", nil,
		"what a login asks the identity provider for beside openid, as orders:read,ops:read")
	flags.StringVar(&a.PublicURL, "public-url", "",
		"address at which browsers find the service behind a proxy, such as https://orders.example")
	flags.StringVar(&sh.sessionKeyFile, "session-key-file", "",
		"file with a secret of at least 32 bytes; processes with the same one share the logins of browsers, and a restart does not end them (or the variable "+sessionKeyVariable+")")
	flags.DurationVar(&a.SessionLife, "session-life", a.SessionLife, "how long a browser stays logged in at most; a token may end before")
	flags.Float64Var(&a.Limits.Rate, "client-rate", a.Limits.Rate, "requests a second of one client, on average")
	flags.IntVar(&a.Limits.Burst, "client-burst", a.Limits.Burst, "requests of one client at once")
	flags.IntVar(&a.Limits.Concurrent, "client-concurrency", a.Limits.Concurrent, "requests of one client that may be in progress")
	flags.BoolVar(&a.Insecure, "insecure", false,
		"allow --auth=none on an address that other machines can reach")
	flags.BoolVar(&a.MetricsAuth, "metrics-auth", true, "ask for credentials at /metrics, too, where they are asked for")
	flags.StringVar(&a.OpsListen, "ops-listen", "",
		"another address for operators; --listen is then without operations, metrics and details of /readyz")
	flags.BoolVar(&a.Profiles, "pprof", false,
		"let administrators take profiles of the process at /debug/pprof/, with --ops-listen only there")
	flags.StringVar(&a.TLSCert, "tls-cert", "", "file with the certificate of the service; it is read again when it changes")
	flags.StringVar(&a.TLSKey, "tls-key", "", "file with the key of the certificate")
	flags.StringVar(&a.ClientCA, "tls-client-ca", "", "file with authorities whose certificates clients may show instead of a token")
	flags.StringToStringVar(&a.ClientRoles, "tls-client-roles", nil,
		"roles of clients by the common names in their certificates, as shop=writer,ops=operator")
	flags.StringVar(&sh.tokenFile, "token-file", "",
		"file with the token to use with --url (or the variable "+tokenVariable+")")
}

// completeAccess fills in the configuration when all flags are known.
func (sh *Shell) completeAccess() {
	sh.Config.Access.Auth = nil
	for _, way := range sh.auth {
		sh.Config.Access.Auth = append(sh.Config.Access.Auth, bootstrap.Auth(way))
	}
}

// aloneAccess is the access to a service that a command starts for itself. If the service of these
// settings asks for credentials, so does this one, and only the command has them.
func (sh *Shell) aloneAccess() bootstrap.Access {
	alone := bootstrap.DefaultConfig().Access
	if len(sh.Config.Access.Auth) != 1 || sh.Config.Access.Auth[0] != bootstrap.AuthNone {
		alone.Auth = []bootstrap.Auth{bootstrap.AuthTokens}
	}
	return alone
}

// client returns a client of a service. One that was found by the data directory is used with the
// token of its start, every other one with the token that the user has given.
func (sh *Shell) client(address string) (*client.Client, error) {
	c := client.New(address)
	if sh.url == "" && sh.Config.Store == bootstrap.StoreEmbedded {
		local, err := bootstrap.ReadLocalAccess(sh.Config.Data)
		if err != nil {
			return nil, err
		}
		if local.Certificate != "" {
			c.Pin(local.Certificate)
		}
		if local.Token != "" {
			c.Token = local.Token
			return c, nil
		}
	}
	token, err := sh.token()
	if err != nil {
		return nil, err
	}
	c.Token = token
	return c, nil
}

// token returns the token that the user has given. It is empty when there is none.
func (sh *Shell) token() (string, error) { return sh.secret("token-file", sh.tokenFile, tokenVariable) }

// readSecrets reads the secrets of a service.
func (sh *Shell) readSecrets() error {
	a := &sh.Config.Access
	var err error
	a.Login.ClientSecret, err = sh.secret("oidc-client-secret-file", sh.clientSecretFile, clientSecretVariable)
	key, other := sh.secret("session-key-file", sh.sessionKeyFile, sessionKeyVariable)
	a.SessionKey = []byte(key)
	return errors.Join(err, other)
}

// secret returns the secret in a file that a flag names, or in an environment variable. It is empty
// when there is none.
func (sh *Shell) secret(flag, file, variable string) (string, error) {
	secret := ""
	for _, entry := range sh.Environ {
		if value, found := strings.CutPrefix(entry, variable+"="); found {
			secret = value
		}
	}
	if file != "" {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", &UsageError{Err: fmt.Errorf("--%s: %w", flag, err)}
		}
		secret = string(content)
	}
	secret = strings.TrimSpace(secret)
	if strings.ContainsAny(secret, " \t\r\n") {
		return "", &UsageError{Err: fmt.Errorf("--%s and %s: there must be one secret, in one line", flag, variable)}
	}
	return secret, nil
}

// accessFlag reports whether a flag says who may use the service.
func accessFlag(name string) bool {
	return strings.HasPrefix(name, "tls-") || strings.HasPrefix(name, "oidc-") || strings.HasPrefix(name, "client-") || strings.HasPrefix(name, "session-") || slices.Contains([]string{"auth", "insecure", "metrics-auth", "token-file", "allowed-hosts", "ops-listen", "public-url"}, name)
}
