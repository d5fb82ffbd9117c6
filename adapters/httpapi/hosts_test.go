package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// wildcard is a listener whose address says that it listens on all interfaces.
type wildcard struct{ net.Listener }

func (wildcard) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 8080} }

// The name of a page on evil.example may resolve to the loopback interface. The browser then sends
// its requests here, and they look like requests of the same origin.
func TestServer_namesOnlyTheHostsItHas(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		loopback bool
		allowed  []string
		host     map[string]bool
	}{
		"on the loopback interface": {true, nil, map[string]bool{
			"localhost": true, "localhost:8080": true, "LOCALHOST.": true, "api.localhost:1": true, "127.0.0.1": true, "127.0.0.1:8080": true,
			"127.1.2.3": true, "[::1]": true, "[::1]:8080": true, "": true,
			"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
			"10.0.0.7": false, "[fe80::1]": false, "notlocalhost": false, ":8080": true,
		}},
		"on the loopback interface, with others": {true, []string{"shop.example", "10.0.0.7"}, map[string]bool{
			"localhost": true, "shop.example": true, "Shop.Example:443": true, "10.0.0.7:80": true, "evil.example": false, "x.shop.example": false,
		}},
		"elsewhere":              {false, nil, map[string]bool{"localhost": true, "anything.example": true, "10.0.0.7": true}},
		"elsewhere, when it may": {false, []string{"shop.example"}, map[string]bool{"localhost": true, "shop.example": true, "evil.example": false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := newShop().config()
			config.AllowedHosts = test.allowed
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			if config.Listener = listener; !test.loopback {
				config.Listener = wildcard{listener}
			}
			handler := handlerOf(t, config)
			for host, admitted := range test.host {
				for _, r := range []request{get("/v1/consumers"), get("/livez"), get("/metrics"), post("/v1/orders", creation), get("/nothing")} {
					made := r.http(t.Context())
					made.Host = host
					answer := httptest.NewRecorder()
					handler.ServeHTTP(answer, made)
					if refused := answer.Code == http.StatusMisdirectedRequest; refused == admitted {
						t.Errorf("%s %s of host %q: status %d", r.method, r.path, host, answer.Code)
					} else if refused {
						p := wantProblem(t, answer, 421, "misdirected", "")
						checkAnswer(t, answer)
						if want := "--allowed-hosts=" + strings.ToLower(strings.TrimSuffix(host, ":8080")); !strings.Contains(p.Detail, strings.Trim(want, "[]")) && !strings.Contains(host, "[") {
							t.Errorf("%q does not name the way out", p.Detail)
						}
					}
				}
			}
		})
	}
}

// Requests that net/http would redirect or answer in plain text get a problem document, as far as
// that is possible.
func TestServer_oddRequestsAreProblems(t *testing.T) {
	t.Parallel()
	server := start(t, newShop().config())
	defer server.stop()
	long := strings.Repeat("x", 70<<10)
	for name, test := range map[string]struct {
		request string
		status  int
		code    string
	}{
		"an empty segment":           {"GET //v1/orders HTTP/1.1\r\n", 404, "route_not_found"},
		"an empty segment inside":    {"POST /v1/orders//confirm HTTP/1.1\r\n", 404, "route_not_found"},
		"an empty segment at an end": {"GET /v1/orders// HTTP/1.1\r\n", 404, "route_not_found"},
		"nothing but slashes":        {"GET // HTTP/1.1\r\n", 404, "route_not_found"},
		"a dot":                      {"GET /v1/customers/./orders HTTP/1.1\r\n", 404, "route_not_found"},
		"two dots":                   {"GET /v1/customers/../orders?status=ACTIVE HTTP/1.1\r\n", 404, "route_not_found"},
		"a slash at the end":         {"GET /v1/orders/ HTTP/1.1\r\n", 404, "route_not_found"},
		"a whole URL":                {"GET http://localhost//livez HTTP/1.1\r\n", 404, "route_not_found"},
		"a long header":              {"GET /livez HTTP/1.1\r\nX-Long: " + long + "\r\n", 431, "headers_too_large"},
		"many headers":               {"GET /livez HTTP/1.1\r\n" + strings.Repeat("X-Many: xxxxxxxxxxxxxxxxxxxxxxxx\r\n", 2000), 431, "headers_too_large"},
		"a long path":                {"GET /v1/orders?sku=" + long + " HTTP/1.1\r\n", 431, "headers_too_large"},
		"a long segment":             {"GET /v1/customers/" + long[:60<<10] + "/orders HTTP/1.1\r\n", 400, "invalid_parameter"},
	} {
		t.Run(name, func(t *testing.T) {
			connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(server.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			fmt.Fprintf(connection, "%sHost: localhost\r\nConnection: close\r\n\r\n", test.request)
			answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != test.status || answer.Header.Get("Content-Type") != "application/problem+json" ||
				!strings.Contains(string(body), `"code":"`+test.code+`"`) || len(body) > 1000 {
				t.Errorf("status %d, %v: %.300s", answer.StatusCode, err, body)
			}
		})
	}
}
