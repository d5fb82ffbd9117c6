package browser_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

// service is a running orderflow serve. It can be ended and started again at the same address.
type service struct {
	t    *testing.T
	url  string
	port string
	data string
	args []string

	cmd   *exec.Cmd
	log   *lockedBuffer
	ended chan struct{} // closed when the process has ended
}

func startService(t *testing.T, args ...string) *service {
	t.Helper()
	shared.start(t) // skips without a browser, before anything is started
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	s := &service{t: t, url: "http://" + address, port: address, data: t.TempDir(), args: args}
	s.start()
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("log of the service:\n%s", s.log)
		}
	})
	return s
}

// start starts the process and waits until it is ready.
func (s *service) start() {
	s.t.Helper()
	s.log, s.ended = &lockedBuffer{}, make(chan struct{})
	s.cmd = exec.Command(binary, append([]string{"serve", "--listen=" + s.port, "--data=" + s.data}, s.args...)...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait() // how it ended is for the log
		close(ended)
	}(s.cmd, s.ended)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		resp, err := http.Get(s.url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the service is not ready:\n%s", s.log)
		}
	}
}

// kill ends the process without warning.
func (s *service) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.ended
}

// stop ends the process as an operator does.
func (s *service) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	<-s.ended
}

// call sends a request to the service and returns the decoded answer.
func (s *service) call(method, path string, body any) map[string]any {
	s.t.Helper()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		content = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, content)
	if err != nil {
		s.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		s.t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, text, err)
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			s.t.Fatal(err)
		}
	}
	return answer
}

type fields = map[string]any

// order creates an order and returns its id.
func (s *service) order(customer string) string {
	s.t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	s.call(http.MethodPost, "/v1/orders", fields{
		"order_id": id, "customer_id": customer, "currency": "EUR",
		"items": []fields{{"sku": "TEA-100", "quantity": 2, "unit_price": 890}},
	})
	return id
}

// shipped creates an order and takes it to SHIPPED, in four events.
func (s *service) shipped(customer string) string {
	s.t.Helper()
	id := s.order(customer)
	s.call(http.MethodPut, "/v1/orders/"+id+"/items", fields{
		"items": []fields{{"sku": "TEA-100", "quantity": 3, "unit_price": 890}, {"sku": "MUG-03", "quantity": 1, "unit_price": 1450}},
	})
	s.call(http.MethodPost, "/v1/orders/"+id+"/confirm", fields{"payment_reference": "PAY-1"})
	s.call(http.MethodPost, "/v1/orders/"+id+"/ship", fields{"carrier": "DHL", "tracking_number": "DHL0001"})
	s.call(http.MethodGet, "/v1/orders/"+id+"?min_sequence=4&timeout=20s", nil)
	return id
}

// newToken returns a new token with rights, such as --role=viewer.
func (s *service) newToken(name, rights string) string {
	s.t.Helper()
	out, err := exec.Command(binary, "token", "create", "--name="+name, rights, "--data="+s.data).Output()
	if err != nil {
		s.t.Fatalf("token create: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// demo places many orders through the command line.
func (s *service) demo(orders int) {
	s.t.Helper()
	out, err := exec.Command(binary, "demo", "--url="+s.url, fmt.Sprintf("--orders=%d", orders), "--seed=7").CombinedOutput()
	if err != nil {
		s.t.Fatalf("demo: %v\n%s", err, out)
	}
}

// trickle places orders, some a second, until the returned function is called.
func (s *service) trickle() (stop func()) {
	s.t.Helper()
	cmd := exec.Command(binary, "demo", "--url="+s.url, "--follow", "--rate=6", "--seed=8")
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	}
}

// standIn is a proxy in front of a service that answers some paths itself.
type standIn struct {
	url string

	mu      sync.Mutex
	answers map[string]http.HandlerFunc // by method and path
}

func newStandIn(t *testing.T, s *service) *standIn {
	t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	p := &standIn{answers: map[string]http.HandlerFunc{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		answer := p.answers[r.Method+" "+r.URL.Path]
		p.mu.Unlock()
		if answer != nil {
			answer(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.url = server.URL
	return p
}

// answer makes the proxy answer a method and path, such as "GET /v1/consumers".
func (p *standIn) answer(route string, handler http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[route] = handler
}

// document makes the proxy answer with a document.
func (p *standIn) document(route, document string) {
	p.answer(route, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, document)
	})
}

// lockedBuffer is a log that is written and read concurrently.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
