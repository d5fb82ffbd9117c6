package login_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"orderflow/bootstrap/cli"
)

// buffer is a log that is written and read concurrently.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// service is orderflow serve.
type service struct {
	url string
	log *buffer
}

// servesAt finds the address in the log.
var servesAt = regexp.MustCompile(`msg=serving url=(\S+)`)

// serve starts the service, and waits until it serves.
func serve(t *testing.T, environ []string, args ...string) *service {
	t.Helper()
	s := &service{log: &buffer{}}
	data := t.TempDir() // removed after the service has ended
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Main(ctx, append([]string{"serve", "--listen=127.0.0.1:0", "--sink=none", "--data=" + data}, args...),
			cli.Process{In: strings.NewReader(""), Out: io.Discard, Err: s.log, Environ: environ})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("log of the service:\n%s", s.log)
		}
	})
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(2 * time.Minute); ; {
		if found := servesAt.FindStringSubmatch(s.log.String()); found != nil {
			s.url = found[1]
			return s
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("the service does not serve")
		}
	}
}

// browser keeps cookies and follows redirections. It remembers the addresses at which it was.
type browser struct {
	http.Client
	t    *testing.T
	seen []*url.URL
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, Client: http.Client{Jar: jar, Timeout: time.Minute}}
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		b.seen = append(b.seen, r.URL)
		return nil
	}
	return b
}

// do sends a request, and returns where the browser is after it, the status and the text.
func (b *browser) do(method, address string, form url.Values) (at *url.URL, status int, text string) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if method != http.MethodGet { // of a page of the same origin
		request.Header.Set("Origin", request.URL.Scheme+"://"+request.URL.Host)
	}
	answer, err := b.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.Request.URL, answer.StatusCode, string(content)
}

var formID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// logIn logs in at the provider, and returns where the browser is after that.
func (b *browser) logIn(s *service, back string) *url.URL {
	b.t.Helper()
	at, status, page := b.do(http.MethodGet, s.url+"/v1/session/login?back="+url.QueryEscape(back), nil)
	found := formID.FindStringSubmatch(page)
	if status != http.StatusOK || found == nil {
		b.t.Fatalf("no form of the provider at %s: %d %s", at, status, page)
	}
	at, _, _ = b.do(http.MethodPost, at.Scheme+"://"+at.Host+"/login/username",
		url.Values{"id": {found[1]}, "username": {username}, "password": {password}})
	return at
}

// wants fails unless a request has a status and a text.
func (b *browser) wants(status int, text, method, address string) {
	b.t.Helper()
	if _, got, answer := b.do(method, address, nil); got != status || !strings.Contains(answer, text) {
		b.t.Errorf("%s %s: %d %s, want %d with %s", method, address, got, answer, status, text)
	}
}
