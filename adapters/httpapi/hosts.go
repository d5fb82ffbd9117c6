package httpapi

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"

	"orderflow/adapters/httpapi/endpoint"
)

// gate refuses requests before they are routed.
type gate struct {
	next http.Handler
	// any reports whether requests may name any host.
	any     bool
	allowed []string // in lower case
}

// newGate returns the gate of a server that listens on address, which may be nil.
//
// The owner of a page that a browser shows may let the page's name resolve to the loopback
// interface. Then the browser sends the page's requests to a service there as if it were the page's
// own. The Host header shows the name.
func newGate(next http.Handler, address net.Addr, allowed []string) *gate {
	g := &gate{next: next}
	for _, host := range allowed {
		g.allowed = append(g.allowed, strings.ToLower(host))
	}
	tcp, ok := address.(*net.TCPAddr)
	g.any = len(allowed) == 0 && !(ok && tcp.IP.IsLoopback())
	return g
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case !g.admits(r.Host):
		host := hostname(r.Host)
		endpoint.WriteProblem(w, endpoint.NewProblem(http.StatusMisdirectedRequest, codeMisdirected, fmt.Sprintf(
			"this service is not known as %.100s: use localhost or its IP address, or start it with --allowed-hosts=%.100s",
			host, host)))
	case headerBytes(r) > maxHeaderBytes:
		endpoint.WriteProblem(w, endpoint.NewProblem(http.StatusRequestHeaderFieldsTooLarge, codeHeadersTooLarge, fmt.Sprintf(
			"the path and the headers must have at most %d KiB together", maxHeaderBytes>>10)))
	case !isClean(r.URL.EscapedPath()):
		endpoint.WriteProblem(w, endpoint.NewProblem(http.StatusNotFound, codeRouteNotFound,
			"there is no route with this path: it has an empty segment, or one that is . or .."))
	default:
		g.next.ServeHTTP(w, r)
	}
}

// admits reports whether a request may name a host. HTTP/1.0 names none.
func (g *gate) admits(host string) bool {
	if g.any {
		return true
	}
	host = hostname(host)
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(g.allowed, host) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// hostname returns the name in a Host header, without the port, in lower case.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

const (
	// maxHeaderBytes bounds what a request has before its body. net/http stops reading at
	// hardHeaderBytes, and answers in plain text.
	maxHeaderBytes  = 64 << 10
	hardHeaderBytes = 256 << 10
)

func headerBytes(r *http.Request) int {
	n := len(r.RequestURI)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + len(": \r\n")
		}
	}
	return n
}

// isClean reports whether http.ServeMux takes a path as it is. It would answer others with a
// redirection, which a client that has put a path together from parts does not expect.
func isClean(p string) bool {
	if p == "" || p[0] != '/' {
		return false
	}
	cleaned := path.Clean(p)
	return p == cleaned || cleaned != "/" && strings.TrimSuffix(p, "/") == cleaned
}
