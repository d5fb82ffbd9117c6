package arch_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// allowed says which packages of this module, and which other modules, each package may import. A
// pattern that ends in "/..." matches a folder and everything below it. The first matching row
// applies. The standard library has its own table.
var allowed = []struct {
	who  string
	what []string
}{
	{"domain/eventsourcing", []string{"github.com/google/uuid"}},
	{"domain/eventsourcing/eventtest", []string{"domain/eventsourcing", "domain/projection", "github.com/google/uuid", "github.com/google/go-cmp/cmp"}},
	{"domain/compact", []string{"github.com/google/uuid"}},
	{"domain/projection", []string{"domain/eventsourcing", "domain/compact", "github.com/google/uuid"}},
	{"domain/subject", []string{"domain/eventsourcing", "github.com/google/uuid"}},
	{"domain/order", []string{"domain/eventsourcing", "github.com/google/uuid"}},
	{"domain/order/views", []string{"domain/eventsourcing", "domain/compact", "domain/projection", "domain/order", "github.com/google/uuid"}},
	{"ports/porttest", []string{"domain/eventsourcing", "domain/projection", "ports", "github.com/google/uuid", "github.com/google/go-cmp/cmp/..."}},
	{kit, []string{"ports", "github.com/google/uuid"}},
	{"ports", []string{"domain/eventsourcing", "domain/projection", "github.com/google/uuid"}},
	{"application/orders", []string{"domain/eventsourcing", "domain/projection", "domain/order/...", "ports", "application/command"}},
	{"application/command", []string{"domain/eventsourcing", "ports", "ports/portkit", "application/snapshot", "github.com/google/uuid"}},
	{"application/query", []string{"domain/eventsourcing", "domain/projection", "ports", "ports/portkit", "application/snapshot", "github.com/google/uuid"}},
	{"application/failure", []string{"domain/eventsourcing", "ports", "ports/portkit"}},
	{"application/health", []string{"domain/eventsourcing", "ports", "application/failure", "github.com/google/uuid"}},
	{"application/parking", []string{"domain/eventsourcing", "ports", "application/failure", "application/filling", "application/health", "github.com/google/uuid"}},
	{"application/lease", []string{"ports"}},
	{"application/decisions", []string{"ports"}},
	{"application/watermark", []string{"ports"}},
	{"application/holds", []string{"github.com/google/uuid"}},
	{"application/aside", []string{"domain/eventsourcing", "github.com/google/uuid"}},
	{"application/rebuild", []string{"domain/eventsourcing", "domain/projection", "ports", "application/failure", "application/filling", "application/health", "github.com/google/uuid", "golang.org/x/time/rate"}},
	{"application/reconcile", []string{"domain/eventsourcing", "ports", "ports/portkit", "application/failure", "application/filling", "golang.org/x/time/rate"}},
	{"application/consumers", []string{"domain/projection", "ports", "application/consumer", "github.com/google/uuid"}},
	{"application/incarnation", []string{"domain/eventsourcing", "ports", "application/failure", "application/filling", "github.com/google/uuid"}},
	{"application/chaos", []string{"domain/eventsourcing", "ports", "github.com/google/uuid"}},
	{"application/rehearse", []string{"domain/eventsourcing", "ports", "ports/portkit", "application/command", "github.com/google/uuid"}},
	{"application/transfer", []string{"domain/eventsourcing", "ports", "application/command", "application/failure", "application/filling", "github.com/google/uuid", "golang.org/x/sync/..."}},
	{"application/filling", []string{"domain/eventsourcing", "domain/projection", "ports", "ports/portkit", "application/failure", "github.com/google/uuid", "golang.org/x/sync/..."}},
	{"application/consumer", []string{"domain/eventsourcing", "domain/projection", "ports", "ports/portkit", "application/failure", "application/filling", "application/health", "application/parking", "application/lease", "application/decisions", "application/watermark", "application/holds", "application/aside", "application/rebuild", "application/reconcile", "github.com/google/uuid"}},
	{"application/personal", []string{"domain/eventsourcing", "ports"}},
	{"application/erasure", []string{"domain/eventsourcing", "domain/projection", "domain/subject", "ports", "ports/portkit", "application/command", "application/failure", "application/filling", "github.com/google/uuid"}},
	{"application/operations", []string{"ports", "github.com/google/uuid"}},
	{"application/...", []string{"domain/eventsourcing", "domain/projection", "ports", "ports/portkit", "github.com/google/uuid", "golang.org/x/sync/...", "golang.org/x/time/rate"}},
	{"adapters/memory", []string{"domain/eventsourcing", "domain/projection", "ports", "github.com/google/uuid"}},
	{"adapters/eventjson/orderjson", []string{"domain/order", "adapters/eventjson"}},
	{"adapters/eventjson/subjectjson", []string{"domain/subject", "adapters/eventjson"}},
	{"adapters/eventjson", []string{"domain/eventsourcing", "domain/projection", "ports", "github.com/google/uuid"}},
	{"adapters/cloudevents", []string{"domain/eventsourcing", "domain/projection", "ports", "github.com/google/uuid"}},
	{"adapters/exportfile", []string{"domain/eventsourcing", "ports", "github.com/google/uuid", "github.com/klauspost/compress/zstd"}},
	{"adapters/embedded/internal/layout", []string{"domain/eventsourcing", "domain/projection", "ports", "github.com/google/uuid"}},
	{"adapters/embedded/internal/datadir", []string{"ports", "github.com/google/uuid", "github.com/cockroachdb/..."}},
	{"adapters/embedded/internal/engine", []string{"adapters/embedded/internal/layout", "adapters/embedded/internal/datadir", "ports", "github.com/google/uuid", "github.com/cockroachdb/..."}},
	{"adapters/embedded/internal/history", []string{"adapters/embedded/internal/layout", "adapters/embedded/internal/engine", "domain/eventsourcing", "ports", "github.com/google/uuid"}},
	{"adapters/embedded/internal/feed", []string{"adapters/embedded/internal/layout", "adapters/embedded/internal/datadir", "adapters/embedded/internal/engine", "adapters/embedded/internal/history", "domain/eventsourcing", "ports", "github.com/cockroachdb/..."}},
	{"adapters/embedded/internal/commit", []string{"adapters/embedded/internal/layout", "adapters/embedded/internal/engine", "adapters/embedded/internal/history", "adapters/embedded/internal/feed", "domain/eventsourcing", "ports", "github.com/google/uuid", "github.com/cockroachdb/..."}},
	{"adapters/embedded", []string{"adapters/embedded/...", "domain/eventsourcing", "domain/projection", "ports", "github.com/google/uuid", "github.com/cockroachdb/..."}},
	{"adapters/scylla", []string{"adapters/scylla/...", "domain/eventsourcing", "ports", "github.com/google/uuid", "github.com/gocql/gocql/...", "golang.org/x/sync/..."}},
	{"adapters/scylla/schema", []string{"adapters/scylla/internal/cluster", "github.com/gocql/gocql/..."}},
	{"adapters/scylla/internal/cluster", []string{"ports", "github.com/google/uuid", "github.com/gocql/gocql/..."}},
	{"adapters/scylla/internal/paging", []string{"ports", "github.com/google/uuid"}},
	{"adapters/scylla/internal/access", []string{"adapters/scylla/internal/cluster", "ports", "ports/portkit", "github.com/google/uuid", "github.com/gocql/gocql/..."}},
	{"adapters/scylla/internal/subjects", []string{"adapters/scylla/internal/cluster", "ports", "github.com/gocql/gocql/..."}},
	{"adapters/scylla/internal/consumers", []string{"adapters/scylla/internal/cluster", "adapters/scylla/internal/paging", "ports", "github.com/google/uuid", "github.com/gocql/gocql/..."}},
	{"adapters/scylla/internal/views", []string{"adapters/scylla/internal/cluster", "adapters/scylla/internal/paging", "domain/projection", "ports", "github.com/google/uuid", "github.com/gocql/gocql/...", "golang.org/x/sync/..."}},
	{"adapters/cdc", []string{"adapters/cdc/...", "ports", "github.com/google/uuid", "github.com/gocql/gocql/..."}},
	{"adapters/cdc/hub", []string{"adapters/cdc/cdclog", "domain/eventsourcing", "ports", "github.com/google/uuid"}},
	{"adapters/cdc/cdclog", []string{"domain/eventsourcing", "ports", "github.com/google/uuid", "github.com/gocql/gocql/...", "golang.org/x/sync/..."}},
	{"adapters/fanout", []string{"domain/eventsourcing", "domain/projection", "ports", "github.com/google/uuid", "github.com/ThreeDotsLabs/watermill/..."}},
	{"adapters/redpanda", []string{"ports", "github.com/google/uuid"}},
	{"adapters/redpanda/internal/message", []string{"domain/eventsourcing", "ports", "ports/portkit", "github.com/google/uuid"}},
	{"adapters/redpanda/internal/client", []string{"ports", "adapters/redpanda", "github.com/twmb/franz-go/..."}},
	{"adapters/redpanda/internal/topic", []string{"ports", "adapters/redpanda", "adapters/redpanda/internal/client", "adapters/redpanda/internal/message", "github.com/twmb/franz-go/..."}},
	// for tests only, see TestBinary_containsNothingOfTesting
	{"adapters/redpanda/internal/topictest", []string{"..."}},
	{"adapters/redpanda/publisher", []string{"domain/eventsourcing", "ports", "adapters/redpanda", "adapters/redpanda/internal/client", "adapters/redpanda/internal/message", "github.com/twmb/franz-go/..."}},
	{"adapters/redpanda/source", []string{"domain/eventsourcing", "ports", "adapters/redpanda", "adapters/redpanda/internal/client", "adapters/redpanda/internal/message", "adapters/redpanda/internal/topic", "github.com/google/uuid", "github.com/twmb/franz-go/..."}},
	{"adapters/redpanda/watermillkafka", []string{"domain/eventsourcing", "adapters/redpanda/internal/message", "github.com/google/uuid", "github.com/IBM/sarama", "github.com/ThreeDotsLabs/watermill/message"}},
	{"adapters/access", []string{"ports", "github.com/coreos/go-oidc/v3/oidc", "github.com/go-jose/go-jose/v4", "golang.org/x/oauth2"}},
	{"adapters/tracing", []string{"domain/eventsourcing", "domain/projection", "ports", "github.com/google/uuid", "go.opentelemetry.io/otel/..."}},
	{"adapters/httpapi/strictjson", []string{"github.com/google/uuid"}},
	{"adapters/httpapi/endpoint", []string{"golang.org/x/time/rate", "domain/eventsourcing", "ports", "adapters/httpapi/strictjson", "github.com/google/uuid"}},
	{"adapters/httpapi/openapi", []string{"adapters/httpapi/endpoint", "ports", "github.com/google/uuid", "github.com/danielgtaylor/huma/..."}},
	{"adapters/httpapi/aggregateapi", []string{"domain/eventsourcing", "domain/projection", "ports", "adapters/httpapi/endpoint", "adapters/httpapi/strictjson", "github.com/google/uuid"}},
	{"adapters/httpapi/opsapi", []string{"domain/eventsourcing", "ports", "adapters/httpapi/endpoint", "adapters/httpapi/aggregateapi", "adapters/httpapi/strictjson", "github.com/google/uuid"}},
	{"adapters/httpapi/orderapi", []string{"domain/eventsourcing", "domain/order/...", "domain/projection", "ports", "adapters/httpapi/endpoint", "adapters/httpapi/aggregateapi", "adapters/httpapi/strictjson", "github.com/google/uuid"}},
	{"adapters/httpapi/streamapi", []string{"domain/eventsourcing", "ports", "adapters/httpapi/endpoint", "github.com/google/uuid", "github.com/prometheus/..."}},
	{"adapters/httpapi/sessionapi", []string{"ports", "adapters/httpapi/endpoint", "adapters/httpapi/strictjson"}},
	{"adapters/httpapi/chaosapi", []string{"ports", "adapters/httpapi/endpoint", "github.com/google/uuid"}},
	{"adapters/httpapi/keepapi", []string{"domain/eventsourcing", "ports", "adapters/httpapi/endpoint"}},
	{"adapters/httpapi/erasureapi", []string{"ports", "adapters/httpapi/endpoint", "adapters/httpapi/strictjson"}},
	{"adapters/httpapi", []string{"adapters/httpapi/endpoint", "ports", "adapters/httpapi/openapi", "github.com/google/uuid", "github.com/prometheus/..."}},
	{"adapters/console", []string{"github.com/swaggest/swgui/v5emb"}},
	{"bootstrap/orderflow", []string{"bootstrap/cli"}},
	{"bootstrap/cli/shell", []string{"bootstrap", "bootstrap/cli/client", "bootstrap/cli/progress", "bootstrap/cli/settings", "adapters/scylla", "adapters/redpanda/...", "github.com/spf13/...", "golang.org/x/term"}},
	{"bootstrap/cli/client", []string{"bootstrap/cli/submission", "github.com/google/uuid"}},
	{"bootstrap/cli/operate", []string{"bootstrap/cli/client", "bootstrap/cli/shell", "github.com/google/uuid", "github.com/spf13/..."}},
	// It reads the layout of the lists from their declarations.
	{"scripts/capacity", []string{"domain/projection", "domain/order/views"}},
	{"bootstrap/cli/practice", []string{"ports", "bootstrap/cli/client", "bootstrap/cli/shell", "github.com/spf13/..."}},
	{"bootstrap/cli/keep", []string{"bootstrap", "ports", "application/transfer", "application/rehearse", "bootstrap/cli/client", "bootstrap/cli/progress", "bootstrap/cli/shell", "adapters/exportfile", "github.com/google/uuid", "github.com/spf13/..."}},
	{"bootstrap/cli/progress", nil},
	{"bootstrap/cli/shop", []string{"bootstrap/cli/client", "github.com/google/uuid", "golang.org/x/sync/..."}},
	{"bootstrap/cli/submission", []string{"adapters/httpapi/strictjson", "github.com/google/uuid", "golang.org/x/sync/..."}},
	{"bootstrap/cli/settings", []string{"github.com/spf13/...", "go.yaml.in/yaml/..."}},
	{"bootstrap/cli", []string{"bootstrap/...", "adapters/scylla", "adapters/redpanda", "github.com/google/uuid", "github.com/spf13/..."}},
	{"bootstrap/metrics", []string{"domain/eventsourcing", "github.com/google/uuid", "application/command", "application/erasure", "application/snapshot", "application/pulse", "ports", "adapters/cdc", "adapters/embedded", "github.com/prometheus/..."}},
	{"bootstrap", []string{"domain/...", "application/...", "ports", "adapters/...", "bootstrap/metrics", "github.com/google/uuid", "github.com/gocql/gocql", "github.com/prometheus/...", "golang.org/x/sync/..."}},
	// A second domain follows the rules of the first one.
	{"tests/otherdomain/stock", []string{"domain/eventsourcing", "github.com/google/uuid"}},
	{"tests/otherdomain/stock/views", []string{
		"domain/eventsourcing", "domain/projection", "domain/order", "tests/otherdomain/stock", "github.com/google/uuid",
	}},
	{"tests/otherdomain/stockjson", []string{"adapters/eventjson", "tests/otherdomain/stock", "github.com/google/uuid"}},
	{"tests/otherdomain/inventory", []string{"ports", "application/command", "tests/otherdomain/stock"}},
	{"tests/...", []string{"..."}},
}

// forbiddenInDomain lists the parts of the standard library that the pure core must not import. The
// core gets the time as an argument. It reads, writes and logs nothing, it cannot be cancelled, and
// it uses no randomness.
var forbiddenInDomain = []string{"context", "crypto/rand", "database/...", "io/...", "log/...", "log", "math/rand/...", "math/rand", "net/...", "net", "os/...", "os", "sync/...", "sync", "syscall"}

const module = "orderflow/"

// kit is code that implementations of the ports share. Every package that may import the ports may
// import it.
const kit = "ports/portkit"

type pkg struct {
	ImportPath string
	Name       string
	Imports    []string
	GoFiles    []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Imports,GoFiles"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func matches(pattern, name string) bool {
	if folder, whole := strings.CutSuffix(pattern, "..."); whole {
		return folder == "" || name+"/" == folder || strings.HasPrefix(name, folder)
	}
	return pattern == name
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func isStandard(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".") && first+"/" != module
}

// violations returns every import of p that the table does not allow.
func violations(p pkg) []string {
	who := strings.TrimPrefix(p.ImportPath, module)
	var found []string
	for _, imported := range p.Imports {
		what := strings.TrimPrefix(imported, module)
		if isStandard(imported) {
			if strings.HasPrefix(who, "domain/") && !servesTesting(who) && matchesAny(forbiddenInDomain, imported) {
				found = append(found, imported)
			}
			continue
		}
		row := slices.IndexFunc(allowed, func(row struct {
			who  string
			what []string
		},
		) bool {
			return matches(row.who, who)
		})
		if what == kit {
			what = "ports"
		}
		if row < 0 || !matchesAny(allowed[row].what, what) {
			found = append(found, imported)
		}
	}
	return found
}

func TestImports_followTheTable(t *testing.T) {
	t.Parallel()
	packages := list(t, "./...")
	if len(packages) < 15 {
		t.Fatalf("go list knows only %d packages", len(packages))
	}
	for _, p := range packages {
		for _, imported := range violations(p) {
			t.Errorf("%s must not import %s", p.ImportPath, imported)
		}
	}
}

// Nothing of the product had to learn of the second domain.
func TestOtherDomain_isKnownToNobodyElse(t *testing.T) {
	t.Parallel()
	found := 0
	for _, p := range list(t, "./...") {
		for _, imported := range p.Imports {
			if !matches(module+"tests/otherdomain/...", imported) {
				continue
			}
			found++
			if !matches(module+"tests/otherdomain/...", p.ImportPath) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
	if found == 0 {
		t.Error("there is no second domain")
	}
}

func TestImports_aViolationIsFound(t *testing.T) {
	t.Parallel()
	for who, imported := range map[string]string{
		"domain/order":                  "orderflow/ports",
		"domain/projection":             "orderflow/domain/order",
		"domain/order/views":            "os",
		"domain/eventsourcing":          "math/rand/v2",
		"ports":                         "orderflow/adapters/memory",
		"ports/porttest":                "orderflow/domain/order/views",
		"application/command":           "orderflow/domain/order",
		"application/query":             "orderflow/domain/order/views",
		"application/consumer":          "orderflow/adapters/embedded",
		"adapters/embedded":             "orderflow/adapters/memory",
		"adapters/eventjson":            "orderflow/domain/order",
		"adapters/httpapi":              "orderflow/domain/order",
		"adapters/httpapi/endpoint":     "orderflow/domain/order",
		"adapters/httpapi/aggregateapi": "orderflow/domain/order",
		"adapters/httpapi/opsapi":       "orderflow/domain/order/views",
		"adapters/httpapi/orderapi":     "orderflow/adapters/httpapi",
		"adapters/fanout":               "orderflow/application/consumer",
		"adapters/new":                  "github.com/google/uuid",
		"tests/otherdomain/stock":       "orderflow/domain/order",
		"bootstrap/orderflow":           "orderflow/adapters/embedded",
	} {
		if got := violations(pkg{ImportPath: module + who, Imports: []string{imported}}); len(got) != 1 {
			t.Errorf("%s importing %s went unnoticed", who, imported)
		}
	}
}

// servesTesting reports whether a package is only for tests.
func servesTesting(name string) bool {
	return name == "testing" || strings.HasPrefix(name, "testing/") || strings.HasPrefix(name, "tests/") ||
		path.Base(name) == "porttest" || path.Base(name) == "eventtest" || name == "adapters/memory" ||
		name == "net/http/httptest" || matches("pgregory.net/rapid/...", name) || matches("github.com/google/go-cmp/...", name)
}

func TestServesTesting_knowsEveryKit(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"testing", "testing/synctest", "ports/porttest", "domain/eventsourcing/eventtest", "adapters/memory", "tests/handling",
		"net/http/httptest", "pgregory.net/rapid", "github.com/google/go-cmp/cmp",
	} {
		if !servesTesting(name) {
			t.Errorf("%s is taken for a part of the product", name)
		}
	}
	for _, name := range []string{"domain/eventsourcing", "ports", "adapters/embedded", "github.com/google/uuid", "net/http"} {
		if servesTesting(name) {
			t.Errorf("%s is taken for a part of the tests", name)
		}
	}
}

// Packages for tests stay out of the binary. One of our dependencies is less strict: the ScyllaDB
// driver imports helpers of its own tests.
func TestBinary_containsNothingOfTesting(t *testing.T) {
	t.Parallel()
	const driversTestHelpers = "github.com/gocql/gocql/internal/tests"
	for _, p := range list(t, "-deps", "./bootstrap/orderflow") {
		if p.ImportPath == driversTestHelpers {
			continue
		}
		for _, imported := range p.Imports {
			if servesTesting(strings.TrimPrefix(imported, module)) {
				t.Errorf("the binary contains %s, through %s", imported, p.ImportPath)
			}
		}
	}
}

// The publisher, the feed and the topic reader share one Kafka client with one configuration.
// Clients that other services use to read the topic, and clients that are only measured, stay out
// of the binary.
func TestBinary_hasOneKafkaClient(t *testing.T) {
	t.Parallel()
	found := false
	for _, p := range list(t, "-deps", "./bootstrap/orderflow") {
		for _, other := range []string{"github.com/IBM/sarama", "github.com/ThreeDotsLabs/watermill-kafka", "github.com/xdg-go/"} {
			if strings.HasPrefix(p.ImportPath, other) {
				t.Errorf("the binary contains %s", p.ImportPath)
			}
		}
		found = found || p.ImportPath == "github.com/twmb/franz-go/pkg/kgo"
	}
	if !found {
		t.Error("the binary contains no Kafka client")
	}
}

func TestEveryPackage_isDocumented(t *testing.T) {
	t.Parallel()
	for _, p := range list(t, "./...") {
		if len(p.GoFiles) == 0 {
			continue
		}
		doc, err := exec.Command("go", "doc", p.ImportPath).Output()
		if err != nil {
			t.Errorf("go doc %s: %v", p.ImportPath, err)
			continue
		}
		_, text, _ := strings.Cut(string(doc), "\n\n")
		want := "Package " + path.Base(p.ImportPath) + " "
		if p.Name == "main" {
			want = "Command " + path.Base(p.ImportPath) + " "
		}
		if !strings.HasPrefix(text, want) && !strings.HasPrefix(string(doc), want) {
			t.Errorf("%s: the package comment does not start with %q", p.ImportPath, want)
		}
	}
}
