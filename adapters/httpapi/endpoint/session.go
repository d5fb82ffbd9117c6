package endpoint

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The cookies.
const (
	cookieSession = "orderflow-session"
	cookieLogin   = "orderflow-login"
	// hostPrefix is the beginning of the names of cookies that a browser takes over TLS only, for
	// one host, and for all paths. So no other host of a domain can set one.
	hostPrefix = "__Host-"
)

// Origin returns the address of the service as browsers name it, without a slash at the end.
func (c *Call) Origin() string { return c.service.originOf(c.request) }

func (s *Service) originOf(r *http.Request) string {
	switch {
	case s.config.PublicURL != "":
		return s.config.PublicURL
	case r.TLS != nil:
		return "https://" + r.Host
	default:
		return "http://" + r.Host
	}
}

// isSecure reports whether browsers use TLS.
func (s *Service) isSecure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(s.config.PublicURL, "https:")
}

// isOwn reports whether a request reads only, or a browser says that a page of this service has
// sent it. A request with a session needs that, because a browser sends the cookie by itself.
func (s *Service) isOwn(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	// A browser that does not use TLS sends the origin only. Behind a proxy the host may be another
	// one.
	origin := r.Header.Get("Origin")
	named, err := url.Parse(origin)
	return origin != "" && err == nil &&
		(origin == s.originOf(r) || s.config.PublicURL == "" && r.TLS == nil && named.Host == r.Host)
}

func (s *Service) cookieName(r *http.Request, name string) string {
	if s.isSecure(r) {
		return hostPrefix + name
	}
	return name
}

// cookieOf returns the value of a cookie. It returns "" when there is none, or more than one.
func (s *Service) cookieOf(r *http.Request, name string) string {
	if cookies := r.CookiesNamed(s.cookieName(r, name)); len(cookies) == 1 {
		return cookies[0].Value
	}
	return ""
}

// setCookie makes the browser keep a cookie until a time. An empty value removes it.
func (c *Call) setCookie(name, value string, until time.Time, site http.SameSite) {
	cookie := &http.Cookie{
		Name: c.service.cookieName(c.request, name), Value: value, Path: "/", Expires: until.UTC(),
		HttpOnly: true, Secure: c.service.isSecure(c.request), SameSite: site,
	}
	if value == "" {
		cookie.Expires, cookie.MaxAge = time.Time{}, -1
	}
	c.response.Header().Add("Set-Cookie", cookie.String())
}

// SetSession makes the browser show a session until a time. An empty text makes it forget the
// session. Pages of other sites cannot make it show the session at all.
func (c *Call) SetSession(text string, until time.Time) {
	c.setCookie(cookieSession, text, until, http.SameSiteStrictMode)
}

// SetLogin makes the browser show a login until a time. An empty text makes it forget the login. It
// is shown when another site sends the browser here, as the identity provider does.
func (c *Call) SetLogin(text string, until time.Time) {
	c.setCookie(cookieLogin, text, until, http.SameSiteLaxMode)
}

// Login returns the text of the login that the browser shows. It is empty when there is none.
func (c *Call) Login() string { return c.service.cookieOf(c.request, cookieLogin) }

// HasSession reports whether the browser shows a session.
func (c *Call) HasSession() bool { return c.service.cookieOf(c.request, cookieSession) != "" }
