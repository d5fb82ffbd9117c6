package opsapi

import (
	"errors"
	"net/http"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/strictjson"
	"orderflow/ports"
)

type tokensDocument struct {
	_ struct{} `additionalProperties:"true"`

	Tokens []tokenDocument `json:"tokens" doc:"In the order of their names, at most 1,000."`
}

type tokenDocument struct {
	_ struct{} `additionalProperties:"true"`

	Name      string   `json:"name" example:"ci" doc:"The name, for people."`
	ID        string   `json:"id" doc:"A part of the token, which events and the log of operations name."`
	Scopes    []string `json:"scopes" doc:"The rights of the token."`
	CreatedBy string   `json:"created_by,omitempty" doc:"Who has created it."`
	CreatedAt string   `json:"created_at" format:"date-time" doc:"When it was created."`
	ExpiresAt string   `json:"expires_at,omitempty" format:"date-time" doc:"When it ends. Absent for one that does not."`
	RevokedAt string   `json:"revoked_at,omitempty" format:"date-time" doc:"When it was revoked, if it was."`
}

type newTokenDocument struct {
	_ struct{} `additionalProperties:"true"`

	Token string `json:"token" doc:"The token. It is shown once, and stored nowhere."`
	tokenDocument
}

func tokenOf(t ports.AccessToken) tokenDocument {
	document := tokenDocument{
		Name: t.Name, ID: t.ID, Scopes: []string{}, CreatedBy: t.CreatedBy, CreatedAt: endpoint.Timestamp(t.CreatedAt),
	}
	for _, scope := range t.Scopes {
		document.Scopes = append(document.Scopes, string(scope))
	}
	if !t.ExpiresAt.IsZero() {
		document.ExpiresAt = endpoint.Timestamp(t.ExpiresAt)
	}
	if !t.RevokedAt.IsZero() {
		document.RevokedAt = endpoint.Timestamp(t.RevokedAt)
	}
	return document
}

type tokenBody struct {
	Name      string   `json:"name" pattern:"^[a-z0-9][a-z0-9._-]{0,62}$" example:"ci" doc:"The name. That of a token that is revoked or expired can be used again."`
	Role      string   `json:"role,omitempty" enum:"viewer,writer,operator,admin" doc:"Some scopes at once. A role or a scope must be given."`
	Scopes    []string `json:"scopes,omitempty" maxItems:"32" doc:"More scopes."`
	ExpiresAt string   `json:"expires_at,omitempty" format:"date-time" doc:"When the token ends. Default: never."`

	// hasRole and hasEnd tell an empty text, which is wrong, from one that is not there.
	hasRole, hasEnd bool
}

func (b *tokenBody) Read(r *strictjson.Reader) {
	r.Object(
		strictjson.Member{Name: "name", Required: true, Read: func() { b.Name = r.Text() }},
		strictjson.Member{Name: "role", Read: func() { b.Role, b.hasRole = r.Text(), true }},
		strictjson.Member{Name: "scopes", Read: func() { r.Array(func() { b.Scopes = append(b.Scopes, r.Text()) }) }},
		strictjson.Member{Name: "expires_at", Read: func() { b.ExpiresAt, b.hasEnd = r.Text(), true }},
	)
}

func (b *tokenBody) request() (r ports.TokenRequest, wrong []endpoint.FieldError) {
	r = ports.TokenRequest{Name: b.Name, Role: ports.Role(b.Role)}
	for _, scope := range b.Scopes {
		r.Scopes = append(r.Scopes, ports.Scope(scope))
	}
	if b.hasRole && b.Role == "" {
		wrong = append(wrong, endpoint.FieldError{Field: "role", Message: "must not be empty; leave it out to name scopes only"})
	}
	if b.hasEnd {
		var ok bool
		if r.Expires, ok = endpoint.ParseTime(b.ExpiresAt); !ok {
			wrong = append(wrong, endpoint.FieldError{
				Field: "expires_at", Message: "must be an RFC 3339 time such as 2026-03-01T12:00:00Z",
			})
		}
	}
	return r, wrong
}

// The codes of problems of tokens.
const (
	codeTokenExists   = "token_exists"
	codeTooManyTokens = "too_many_tokens"
	// codeNoSuchToken: its rights or its end are impossible, which the schema cannot say.
	codeNoSuchToken = "impossible_token"
)

func (r routes) tokens() []endpoint.Operation {
	if r.TokenManager == nil {
		return nil
	}
	return []endpoint.Operation{
		{
			ID: "list-tokens", Method: http.MethodGet, Path: "/v1/tokens", Tag: tag, Scope: ports.ScopeAdmin,
			Summary:  "List the tokens",
			Answers:  endpoint.OK("All tokens, also those that are revoked or expired.", tokensDocument{}),
			Problems: []int{400, 500, 503, 504},
			Run:      r.listTokens,
		},
		{
			ID: "create-token", Method: http.MethodPost, Path: "/v1/tokens", Tag: tag, Scope: ports.ScopeAdmin,
			Summary:     "Create a token",
			Description: "The answer has the token, which cannot be shown again.",
			Parameters:  []endpoint.Parameter{reasonParameter()},
			Body:        &endpoint.Body{Document: tokenBody{}, Required: true},
			Answers: []endpoint.Answer{{
				Status: http.StatusCreated, Description: "The token.", Document: newTokenDocument{},
			}},
			Problems: []int{400, 403, 408, 409, 413, 415, 422, 500, 503, 504, 507},
			Run:      r.createToken,
		},
		{
			ID: "revoke-token", Method: http.MethodPost, Path: "/v1/tokens/{name}/revoke", Tag: tag, Scope: ports.ScopeAdmin,
			Summary:     "Revoke a token",
			Description: "It takes effect in every process within 5 seconds.",
			Parameters: []endpoint.Parameter{{
				Name: paramName, In: endpoint.InPath, Description: "The name of the token.",
				Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1}, Example: "ci",
			}, reasonParameter()},
			Answers:  []endpoint.Answer{{Status: http.StatusNoContent, Description: "It is revoked."}},
			Problems: []int{400, 403, 404, 409, 500, 503, 504, 507},
			Run:      r.revokeToken,
		},
	}
}

func (r routes) listTokens(c *endpoint.Call) (endpoint.Reply, error) {
	tokens, err := r.TokenManager.ListTokens(c.Context())
	document := tokensDocument{Tokens: make([]tokenDocument, 0, len(tokens))}
	for _, t := range tokens {
		document.Tokens = append(document.Tokens, tokenOf(t))
	}
	return endpoint.Reply{Body: document}, err
}

func (r routes) createToken(c *endpoint.Call) (endpoint.Reply, error) {
	var body tokenBody
	if err := c.ReadBody(true, body.Read, nil); err != nil {
		return endpoint.Reply{}, err
	}
	request, wrong := body.request()
	if wrong != nil {
		return endpoint.Reply{}, endpoint.Invalid(endpoint.CodeInvalidBody, wrong...)
	}
	var part *ports.TokenRequestError
	// what is malformed is not worth an entry in the log
	if errors.As(request.Check(r.Now()), &part) {
		if part.Part == "name" {
			return endpoint.Reply{}, endpoint.Invalid(endpoint.CodeInvalidBody, endpoint.FieldError{Field: part.Part, Message: part.Problem})
		}
		p := endpoint.NewProblem(http.StatusUnprocessableEntity, codeNoSuchToken, part.Error())
		p.Errors = []endpoint.FieldError{{Field: part.Part, Message: part.Problem}}
		return endpoint.Reply{}, p
	}
	text, token, err := r.TokenManager.CreateToken(c.Context(), request)
	switch {
	case errors.Is(err, ports.ErrTokenTaken):
		return endpoint.Reply{}, endpoint.NewProblem(http.StatusConflict, codeTokenExists,
			"there is a token with this name: revoke it first, or choose another name")
	case errors.Is(err, ports.ErrTooManyTokens):
		return endpoint.Reply{}, endpoint.NewProblem(http.StatusConflict, codeTooManyTokens, ports.ErrTooManyTokens.Error())
	case err != nil:
		return endpoint.Reply{}, err
	}
	c.SetHeader("Cache-Control", "no-store")
	return endpoint.Reply{Status: http.StatusCreated, Body: newTokenDocument{Token: text, tokenDocument: tokenOf(token)}}, nil
}

func (r routes) revokeToken(c *endpoint.Call) (endpoint.Reply, error) {
	err := r.TokenManager.RevokeToken(c.Context(), c.Path(paramName))
	switch {
	case errors.Is(err, ports.ErrNotFound):
		err = endpoint.NewProblem(http.StatusNotFound, endpoint.CodeNotFound, "there is no token with this name")
	case errors.Is(err, ports.ErrTokenTaken):
		err = endpoint.NewProblem(http.StatusConflict, codeTokenExists, "another token has got this name meanwhile: look at the tokens")
	}
	return endpoint.Reply{Status: http.StatusNoContent}, err
}
