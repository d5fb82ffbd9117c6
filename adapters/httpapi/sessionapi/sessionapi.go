package sessionapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/strictjson"
	"orderflow/ports"
)

// Config is what the routes need. Both are nil for a service that asks nobody, and then there is
// only the first route. Logins is nil without an identity provider.
type Config struct {
	Sessions ports.Sessions
	Logins   ports.Logins
}

const (
	tag          = "session"
	path         = "/v1/session"
	pathLogin    = path + "/login"
	pathCallback = path + "/callback"
)

// New returns the routes.
func New(config Config) endpoint.Resource {
	r := routes{config}
	operations := []endpoint.Operation{r.show()}
	if config.Sessions != nil {
		operations = append(operations, r.begin(), r.end())
	}
	if config.Logins != nil {
		operations = append(operations, r.login(), r.callback())
	}
	return endpoint.Resource{
		Tags:       []endpoint.Tag{{Name: tag, Description: "Who the client is, and how people log in with a browser."}},
		Operations: operations,
	}
}

type routes struct{ Config }

type sessionDocument struct {
	_ struct{} `additionalProperties:"true"`

	Asks      bool     `json:"asks" doc:"Whether the service asks who a client is. If not, everybody may do everything."`
	Ways      []string `json:"ways" enum:"token,provider" doc:"How a person can log in."`
	Subject   string   `json:"subject,omitempty" example:"token:ci" doc:"Who the client is. Absent for a client that is not known."`
	TokenID   string   `json:"token_id,omitempty" doc:"The id of its token, which events and the log of operations name."`
	Scopes    []string `json:"scopes" doc:"What the client may do. The scope admin includes all others."`
	ExpiresAt string   `json:"expires_at,omitempty" format:"date-time" doc:"When the credentials or the session end. Absent for those that do not."`
	Session   bool     `json:"session" doc:"Whether the client has shown a session."`
	Refused   string   `json:"refused,omitempty" example:"expired" doc:"Why the credentials that were shown are not accepted."`
}

// about returns the document about a client.
func (r routes) about(p ports.Principal, session bool) sessionDocument {
	document := sessionDocument{
		Asks: r.Sessions != nil, Ways: []string{}, Subject: p.Subject, TokenID: p.TokenID, Scopes: []string{}, Session: session,
	}
	if r.Sessions != nil {
		document.Ways = append(document.Ways, "token")
	}
	if r.Logins != nil {
		document.Ways = append(document.Ways, "provider")
	}
	for _, scope := range p.Scopes {
		document.Scopes = append(document.Scopes, string(scope))
	}
	if !p.Expires.IsZero() {
		document.ExpiresAt = endpoint.Timestamp(p.Expires)
	}
	return document
}

func (r routes) show() endpoint.Operation {
	return endpoint.Operation{
		ID: "get-session", Method: http.MethodGet, Path: path, Tag: tag, Scope: ports.ScopeOpen,
		Summary:     "Ask who the client is",
		Description: "A client that is not known gets an answer, too.",
		Answers:     endpoint.OK("Who it is, and what it may do.", sessionDocument{}),
		Problems:    []int{400, 503, 504},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			c.SetHeader("Cache-Control", "no-store")
			if r.Sessions == nil {
				return endpoint.Reply{Body: r.about(ports.Principal{}, false)}, nil
			}
			principal, err := c.Identify()
			document := r.about(principal, err == nil && c.HasSession())
			var refused *ports.CredentialError
			switch {
			case errors.As(err, &refused) && refused.Reason == ports.CredentialMissing:
			case errors.As(err, &refused):
				document.Refused = string(refused.Reason)
				if c.HasSession() { // it will not be accepted later either
					c.SetSession("", time.Time{})
				}
			case err != nil:
				return endpoint.Reply{}, err
			}
			return endpoint.Reply{Body: document}, nil
		},
	}
}

type loginBody struct {
	Token string `json:"token" minLength:"1" maxLength:"16384" doc:"A token of 'orderflow token create', or an access token of the identity provider."`
}

func (r routes) begin() endpoint.Operation {
	return endpoint.Operation{
		ID: "begin-session", Method: http.MethodPost, Path: path, Tag: tag, Scope: ports.ScopeOpen,
		Summary:     "Log in with a token",
		Description: "It sets a cookie, with which a browser has the rights of the token until the session or the token ends.",
		Body:        &endpoint.Body{Document: loginBody{}, Required: true},
		Answers:     endpoint.OK("The client is logged in.", sessionDocument{}),
		Problems:    []int{400, 401, 403, 408, 413, 415, 500, 503, 504},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			c.SetHeader("Cache-Control", "no-store")
			var body loginBody
			err := c.ReadBody(true, func(r *strictjson.Reader) {
				r.Object(strictjson.Member{Name: "token", Required: true, Read: func() { body.Token = r.Text() }})
			}, nil)
			if err != nil {
				return endpoint.Reply{}, err
			}
			if !endpoint.IsToken(body.Token) {
				return endpoint.Reply{}, &ports.CredentialError{
					Reason: ports.CredentialMalformed, Detail: "this is no token: it must be one word of at most 16 KiB",
				}
			}
			session, err := r.Sessions.BeginSession(c.Context(), body.Token)
			if err != nil {
				return endpoint.Reply{}, err
			}
			c.SetSession(session.Text, session.Principal.Expires)
			return endpoint.Reply{Body: r.about(session.Principal, true)}, nil
		},
	}
}

func (r routes) end() endpoint.Operation {
	return endpoint.Operation{
		ID: "end-session", Method: http.MethodDelete, Path: path, Tag: tag, Scope: ports.ScopeOpen,
		Summary:     "Log out",
		Description: "The browser forgets the session. The token stays valid until it ends or is revoked.",
		Answers:     []endpoint.Answer{{Status: http.StatusNoContent, Description: "The client is logged out, or was not logged in."}},
		Problems:    []int{400, 403},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			c.SetSession("", time.Time{})
			return endpoint.Reply{Status: http.StatusNoContent}, nil
		},
	}
}

// The names of the parameters.
const (
	paramBack   = "back"
	paramState  = "state"
	paramCode   = "code"
	paramIssuer = "iss"
	paramError  = "error"
)

const (
	// home is where people are when nothing else is known.
	home = "/ui/"
	// patternBack allows the pages of the console, and so never another site.
	patternBack = `^/ui/[A-Za-z0-9/_.~%?&=:,+-]*$`
	maxBack     = 1_024
	maxAnswer   = 4_096
)

func redirection(description string) []endpoint.Answer {
	return []endpoint.Answer{{
		Status: http.StatusSeeOther, Description: description,
		Headers: []endpoint.Parameter{{
			Name: "Location", Description: "Where to go.", Schema: endpoint.Schema{Type: endpoint.TypeString},
		}},
	}}
}

func (r routes) login() endpoint.Operation {
	return endpoint.Operation{
		ID: "begin-login", Method: http.MethodGet, Path: pathLogin, Tag: tag, Scope: ports.ScopeOpen,
		Summary:     "Log in at the identity provider",
		Description: "For browsers: authorization code with PKCE.",
		Parameters: []endpoint.Parameter{{
			Name: paramBack, In: endpoint.InQuery, Description: "The page of the console to go to after that.",
			Schema: endpoint.Schema{
				Type: endpoint.TypeString, Pattern: patternBack, MaxLength: maxBack, Default: home,
			},
			Must: "must be the path of a page of the console, such as /ui/orders", Example: "/ui/orders",
		}},
		Answers:  redirection("The browser goes to the provider, or to the console when the provider is away."),
		Problems: []int{400, 500, 504},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			back := home
			if c.Has(paramBack) {
				back = c.Text(paramBack)
			}
			login, err := r.Logins.BeginLogin(c.Context(), c.Origin()+pathCallback, back)
			if err != nil {
				return failed(c, err)
			}
			c.SetLogin(login.Text, login.Expires)
			return goTo(c, login.Address), nil
		},
	}
}

func (r routes) callback() endpoint.Operation {
	parameter := func(name, description string) endpoint.Parameter {
		return endpoint.Parameter{
			Name: name, In: endpoint.InQuery, Description: description,
			Schema: endpoint.Schema{Type: endpoint.TypeString, MaxLength: maxAnswer},
		}
	}
	return endpoint.Operation{
		ID: "end-login", Method: http.MethodGet, Path: pathCallback, Tag: tag, Scope: ports.ScopeOpen,
		Summary:     "Come back from the identity provider",
		Description: "Providers add parameters of their own, which are not looked at.",
		Parameters: []endpoint.Parameter{
			parameter(paramState, "What the login was begun with."),
			parameter(paramCode, "The code of the provider. Absent when it has let nobody in."),
			parameter(paramIssuer, "The provider."),
			parameter(paramError, "Why it has let nobody in."),
		},
		OtherParameters: true,
		Answers:         redirection("The browser goes to the console. When it is not logged in, login in the query says why."),
		Problems:        []int{400, 500, 504},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			text := c.Login()
			c.SetLogin("", time.Time{}) // it is good for one attempt
			session, back, err := r.Logins.EndLogin(c.Context(), text, ports.LoginAnswer{
				State: c.Text(paramState), Code: c.Text(paramCode), Issuer: c.Text(paramIssuer),
			})
			if err != nil {
				return failed(c, err)
			}
			c.SetSession(session.Text, session.Principal.Expires)
			return goTo(c, back), nil
		},
	}
}

// goTo sends the browser to an address, without telling it where it comes from: the address of this
// page has the code of the provider.
func goTo(c *endpoint.Call, address string) endpoint.Reply {
	c.SetHeader("Cache-Control", "no-store")
	c.SetHeader("Referrer-Policy", "no-referrer")
	return endpoint.Reply{Status: http.StatusSeeOther, Location: address}
}

// failed sends the browser to the console, which says why the login has failed.
func failed(c *endpoint.Call, err error) (endpoint.Reply, error) {
	var refused *ports.CredentialError
	code := ""
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && c.Context().Err() != nil:
		return endpoint.Reply{}, err
	case errors.Is(err, ports.ErrLoginUnknown):
		return goTo(c, home+"?login=unknown"), nil // everybody can cause it: it is not logged
	case errors.Is(err, ports.ErrLoginRefused):
		code = "refused"
	case errors.Is(err, ports.ErrAuthUnavailable):
		code = "unavailable"
	case errors.As(err, &refused) && slices.Contains(ports.CredentialReasons(), refused.Reason):
		code = string(refused.Reason)
	default:
		return endpoint.Reply{}, err
	}
	c.Warn("somebody could not log in", err)
	return goTo(c, home+"?login="+code), nil
}
