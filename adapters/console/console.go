package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/swaggest/swgui/v5emb"
)

// Root is the path below which a [New] handler serves.
const Root = "/ui/"

const (
	assets = Root + "assets/"
	// description is where the API's description is shown.
	description = Root + "api/"
)

// policy allows a page nothing but files of this service, and no text that becomes code or markup.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// descriptionPolicy is the policy of the page that Swagger UI runs. Swagger UI sets styles from
// code, and it has its icons in data URLs.
const descriptionPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed static
var static embed.FS

// file is a static file with what its answer needs.
type file struct {
	name, etag, media string
	body              []byte
}

// handler serves the pages.
type handler struct {
	files    map[string]file // by path
	page     file            // of every view of the console
	describe file            // of the API's description
	swagger  http.Handler    // the files of Swagger UI
}

// New returns the handler of everything below [Root]. openAPI is the path of the API's description.
// It is safe for concurrent use.
func New(openAPI string) (http.Handler, error) {
	h := &handler{files: map[string]file{}, swagger: v5emb.New("Orderflow", openAPI, description)}
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		f, err := read(name)
		if err != nil {
			return err
		}
		h.files[Root+strings.TrimPrefix(name, "static/")] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	h.page, h.describe = h.files[Root+"index.html"], h.files[Root+"api.html"]
	delete(h.files, Root+"index.html")
	delete(h.files, Root+"api.html")
	return h, nil
}

func read(name string) (file, error) {
	body, err := static.ReadFile(name)
	if err != nil {
		return file{}, err
	}
	sum := sha256.Sum256(body)
	return file{
		name: path.Base(name), body: body, media: mediaOf(name),
		etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
	}, nil
}

// mediaOf returns the media type of a file. Package mime would ask the system, whose answers
// differ.
func mediaOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return "application/octet-stream"
	}
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Content-Security-Policy", policy)
	switch name := r.URL.Path; {
	case name == description, name+"/" == description:
		header.Set("Content-Security-Policy", descriptionPolicy)
		h.describe.serve(w, r)
	case strings.HasPrefix(name, description):
		header.Set("Cache-Control", "no-cache")
		h.swagger.ServeHTTP(w, r)
	case strings.HasPrefix(name, assets):
		f, found := h.files[name]
		if !found {
			http.NotFound(w, r)
			return
		}
		f.serve(w, r)
	default: // a view, which the page itself knows
		h.page.serve(w, r)
	}
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.media)
	header.Set("ETag", f.etag)
	header.Set("Cache-Control", "no-cache") // ask each time whether it has changed
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.body))
}
