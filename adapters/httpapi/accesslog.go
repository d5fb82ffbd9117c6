package httpapi

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The names of the attributes, from the semantic conventions of OpenTelemetry for HTTP servers.
const (
	attrMethod         = "http.request.method"
	attrMethodOriginal = "http.request.method_original"
	attrRoute          = "http.route"
	attrPath           = "url.path"
	attrScheme         = "url.scheme"
	attrStatus         = "http.response.status_code"
	attrResponseBytes  = "http.response.body.size"
	attrRequestBytes   = "http.request.body.size"
	attrDuration       = "http.server.request.duration"
	attrClient         = "client.address"
	attrServer         = "server.address"
	attrAgent          = "user_agent.original"
	attrProtocol       = "network.protocol.name"
	attrVersion        = "network.protocol.version"
	attrUser           = "user.id"
)

// maxLogged bounds a text that comes from the client, in bytes.
const maxLogged = 256

// accessed returns what the access log says about a request.
func accessed(rec *recorder, r *http.Request, took time.Duration) []slog.Attr {
	client, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		client = r.RemoteAddr
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	attributes := make([]slog.Attr, 0, 16)
	name := method(r.Method)
	if name != r.Method {
		attributes = append(attributes, slog.String(attrMethodOriginal, bounded(r.Method)))
		name = "_OTHER"
	}
	attributes = append(attributes,
		slog.String(attrMethod, name),
		slog.Int(attrStatus, rec.answered()),
		slog.Float64(attrDuration, took.Seconds()),
		slog.Int64(attrResponseBytes, rec.bytes),
		slog.String(attrClient, client),
		slog.String(attrServer, bounded(r.Host)),
		slog.String(attrScheme, scheme),
		slog.String(attrProtocol, "http"),
		slog.String(attrVersion, fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor)),
	)
	if template := route(r); template != "unmatched" {
		attributes = append(attributes, slog.String(attrRoute, template), slog.String(attrPath, loggedPath(template, r)))
	}
	if r.ContentLength > 0 {
		attributes = append(attributes, slog.Int64(attrRequestBytes, r.ContentLength))
	}
	if agent := r.UserAgent(); agent != "" {
		attributes = append(attributes, slog.String(attrAgent, bounded(agent)))
	}
	if rec.user != "" {
		attributes = append(attributes, slog.String(attrUser, rec.user))
	}
	return attributes
}

// loggedPath returns the path of a request as far as it names no person: a route with the ids of
// aggregates. A log outlives what is erased from the store, so customers, and the parameters of the
// query, are not in it.
func loggedPath(template string, r *http.Request) string {
	parts := strings.Split(template, "/")
	for i, part := range parts {
		if part != "{id}" && part != "{aggregate_id}" {
			continue
		}
		if id, err := uuid.Parse(r.PathValue(strings.Trim(part, "{}"))); err == nil {
			parts[i] = id.String()
		}
	}
	return strings.Join(parts, "/")
}

func bounded(text string) string {
	if len(text) > maxLogged {
		return strings.ToValidUTF8(text[:maxLogged], "") + "..."
	}
	return text
}
