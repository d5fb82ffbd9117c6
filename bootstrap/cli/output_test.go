package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"orderflow/adapters/scylla"
	"orderflow/bootstrap/cli/shell"
)

// described returns the schema of a document in the description of the API.
func described(t *testing.T, document string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../adapters/httpapi/testdata/openapi.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	api, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", api); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("openapi.json#/components/schemas/" + document)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// isDescribed checks that a text is a document of the API.
func isDescribed(t *testing.T, document, text string) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = described(t, document).Validate(value)
	}
	if err != nil {
		t.Errorf("it is no %s: %v\n%s", document, err, text)
	}
}

const (
	anotherOrder  = "0195f3a0-0000-7000-8000-000000000002"
	apiParked     = `{"aggregate_id":"` + anOrder + `","aggregate_type":"order","order_id":"` + anOrder + `","sequence_number":3,"event_id":"` + anEvent + `","event_type":"order.shipped","kind":"bug","error":"a <nil> map","attempts":6,"failed_at":"2026-03-01T12:00:00Z","parked_at":"2026-03-01T12:00:05Z","fingerprint":"8f14e45fceea"}`
	apiCounts     = `"handled":5,"duplicates":0,"healed":0,"retries":2,"expired":0,"reconciled":0,"foreign":0,"of_a_newer_service":true`
	apiRunning    = `{"name":"a","state":"running","live":{"number":1,"version":1},"lag":{"events":0,"age_seconds":0,"known":true,"headroom_seconds":86399.5},"parked":0,"waiting":0,` + apiCounts + `}`
	apiFailing    = `{"name":"p","state":"failing","live":{"number":1,"version":1},"lag":{"events":3,"age_seconds":90.5,"known":true},"parked":1,"waiting":0,"oldest_parked":"2026-03-01T11:58:30Z","failure":{"error":"the disk is full","attempts":4,"since":"2026-03-01T12:00:00Z"},` + apiCounts + `}`
	apiVerified   = `{"orders":2,"events":5,"rows":4,"skipped":0,"repaired":0,"differences":1,"shown":[{"aggregate_id":"` + anOrder + `","aggregate_type":"order","order_id":"` + anOrder + `","consumer":"a","detail":"a row is missing"}]}`
	apiRebuilt    = `{"name":"a","state":"running","live":{"number":7,"version":1},"previous":{"number":4,"version":1},"lag":{"events":0,"age_seconds":0,"known":true},"parked":0,"waiting":0,"rebuild":{"phase":"switched","generation":{"number":7,"version":1},"done":2,"total":2,"per_second":0,"started_at":"2026-03-02T12:00:00Z","report":{"orders":2,"events":5,"rows":4,"skipped":0,"repaired":0,"differences":0}},` + apiCounts + `}`
	stillParkedIs = `409 {"status":409,"code":"still_parked","detail":"event 3 fails again: a <nil> map","parked":` + apiParked + `}`
)

// Each command prints one document, which is that of the API if the API has one. A field that is
// not known here is kept.
func TestOutput_documents(t *testing.T) {
	t.Parallel()
	script := func() map[string][]string {
		parked := "/v1/consumers/p/parked"
		return map[string][]string{
			"GET /v1/consumers":                              {consumersAre(apiRunning, apiFailing)},
			"GET /readyz":                                    {`200 {"status":"ok"}`},
			"GET /v1/consumers/a/parked?limit=200":           {`200 {"parked":[]}`},
			"GET " + parked + "?limit=200":                   {`200 {"parked":[` + apiParked + `],"next_cursor":"x"}`},
			"GET " + parked + "?limit=200&cursor=x":          {`200 {"parked":[` + strings.ReplaceAll(apiParked, anOrder, anotherOrder) + `]}`},
			"GET " + parked + "/" + anOrder:                  {`200 {"parked":` + apiParked + `,"waiting":[{"aggregate_type":"order","sequence_number":3,"event_id":"` + anEvent + `","event_type":"order.shipped","event_version":2,"created_at":"2026-03-01T12:00:00Z"}]}`},
			"POST " + parked + "/" + anOrder + "/retry":      {"204"},
			"POST " + parked + "/" + anotherOrder + "/retry": {stillParkedIs},
			"POST /v1/consumers/p/retry-parked":              {`200 {"released":1,"still_parked":[` + apiParked + `],"not_tried":0}`},
			"GET /v1/consumers/a/parked-groups":              {`200 {"groups":[]}`},
			"GET /v1/consumers/p/parked-groups":              {`200 {"groups":[{"fingerprint":"8f14e45fceea","kind":"bug","event_type":"order.shipped","error":"a <nil> map","aggregates":2,"oldest":"2026-03-01T12:00:05Z","newest":"2026-03-01T12:00:06Z"}]}`},
			"GET /v1/consumers/a/skips?limit=200":            {`200 {"skips":[{"aggregate_id":"` + anOrder + `","sequence_number":3,"event_id":"` + anEvent + `","event_type":"order.shipped","reason":"test data","error":"a <nil> map","skipped_at":"2026-03-01T12:00:05Z"}]}`},
			"GET /v1/operations?limit=20":                    {`200 {"operations":[{"id":"` + anEvent + `","at":"2026-03-01T12:00:05Z","subject":"local","action":"pause","target":"a","reason":"ticket 4711"}]}`},
			"POST /v1/verify?patience=10s":                   {"200 " + apiVerified},
			"GET /v1/verify":                                 {`200 {"running":false,"done":0,"total":0,"per_second":0}`},
			"POST /v1/verify/topic?from=begin&patience=10s":  {`200 {"report":{"orders":2,"unjudged":0,"messages":5,"expired":0,"doubled":1,"missing":0,"out_of_order":0,"unknown":0,"scattered":0,"violations":0}}`},
			"GET /v1/tables":                                 {`200 {"tables":["event_store","orders_by_status"]}`},
			"GET /v1/tables/event_store?limit=1":             {`200 {"columns":["aggregate_id","sequence_number"],"rows":[["` + anOrder + `","1"]],"next_cursor":"y"}`},
			"GET /v1/tables/orders_by_status?limit=1":        {`200 {"columns":["status"],"rows":[]}`},
			"POST /v1/consumers/a/rebuild/abort":             {"204"},
		}
	}
	rebuilding := script()
	rebuilding["GET /v1/consumers"] = []string{consumersAre(apiRunning), consumersAre(apiRebuilt)}
	rebuilding["POST /v1/consumers/a/rebuild"] = []string{"202"}
	var transcript strings.Builder
	for _, test := range []struct {
		args     string
		status   int
		document string // of the API
		script   map[string][]string
	}{
		{"consumers", 0, "ConsumersDocument", nil},
		{"consumers --check --max-lag=1m --only=p", 3, "ConsumersDocument", nil},
		{"consumers --check --only=a", 0, "ConsumersDocument", nil},
		{"parked", 0, "ParkedListDocument", nil},
		{"parked ls a", 0, "ParkedListDocument", nil},
		{"parked show p " + anOrder, 0, "ParkedAggregateDocument", nil},
		{"parked groups", 0, "ParkedGroupsDocument", nil},
		{"parked skips a", 0, "SkipsDocument", nil},
		{"parked retry p", 3, "RetriedDocument", nil},
		{"parked retry p " + anOrder, 0, "RetriedDocument", nil},
		{"parked retry p " + anotherOrder, 3, "RetriedDocument", nil},
		{"operations", 0, "OperationsDocument", nil},
		{"verify", 3, "VerificationDocument", nil},
		{"verify topic", 0, "TopicReportDocument", nil},
		{"inspect --limit=1", 0, "", nil},
		{"consumers rebuild a", 0, "ConsumerDocument", rebuilding},
		{"consumers rebuild a --abort", 0, "ConsumerDocument", nil},
	} {
		if test.script == nil {
			test.script = script()
		}
		s := newFakeService(t, test.script)
		out, errs, status := s.run(t, append(strings.Fields(test.args), "-o", "json")...)
		if status != test.status {
			t.Errorf("%s: exit status %d, want %d\n%s%s", test.args, status, test.status, out, errs)
		}
		if test.document != "" {
			isDescribed(t, test.document, out)
		}
		transcript.WriteString(">>> orderflow " + test.args + " -o json\n" + out)
	}
	var tables struct{ Tables []json.RawMessage }
	out, _, _ := newFakeService(t, script()).run(t, "inspect", "--limit=1", "--output=json")
	if err := json.Unmarshal([]byte(out), &tables); err != nil || len(tables.Tables) != 2 {
		t.Errorf("%v, %d tables", err, len(tables.Tables))
	}
	for _, table := range tables.Tables {
		isDescribed(t, "TableDocument", string(table))
	}
	golden(t, "documents.golden", transcript.String())
}

// What a real service answers goes through as it is.
func TestOutput_ofAService(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serveHere(t, "--sink=none", "--data="+data)
	url := "--url=" + urlOf(t, s)
	want(t, 0, "3 orders", "demo", "--orders=3", "--seed=1", url)
	for args, document := range map[string]string{
		"consumers": "ConsumersDocument", "consumers --check=ready": "ConsumersDocument", "verify": "VerificationDocument",
		"parked": "ParkedListDocument", "operations": "OperationsDocument", "consumers rebuild orders-by-sku": "ConsumerDocument",
	} {
		out, errs, status := command(t, append(strings.Fields(args), "-ojson", url)...)
		if status != 0 {
			t.Errorf("%s: exit status %d\n%s%s", args, status, out, errs)
		}
		isDescribed(t, document, out)
	}
	out, errs, status := command(t, "token", "create", "--name=ci", "--role=viewer", "-o=json", url)
	if status != 0 {
		t.Errorf("exit status %d\n%s", status, errs)
	}
	isDescribed(t, "NewTokenDocument", out)
	out, _, _ = command(t, "token", "list", "-o=json", url)
	isDescribed(t, "TokensDocument", out)
	if !strings.Contains(out, `"name": "ci"`) {
		t.Errorf("it does not list the token:\n%s", out)
	}
	s.stop(t)
}

func TestOutput_submit(t *testing.T) {
	t.Parallel()
	s := &submitServer{answer: func(c call) (int, string) {
		if strings.Contains(c.Body, "PAY-2") {
			return 422, `{"status":422,"code":"order_not_confirmable","detail":"it is shipped"}`
		}
		return 200, `{"order_id":"` + anOrder + `","events":[{"event_id":"` + anEvent + `"}]}`
	}}
	out, errs, status := s.submit(t, confirm(anOrder, "PAY-1")+"\n"+confirm(anOrder, "PAY-2")+"\nno command", "--output=json")
	if status != 3 || !strings.Contains(errs, "2 of 3 commands were refused") {
		t.Errorf("exit status %d\n%s", status, errs)
	}
	golden(t, "submit.golden", regexp.MustCompile(`"seconds": [0-9.e+-]+`).ReplaceAllString(out, `"seconds": 0.5`))

	t.Run("not completed", func(t *testing.T) {
		t.Parallel()
		other := newFakeService(t, map[string][]string{"GET /": {`200 {"service":"other"}`}})
		out, _, status := other.run(t, "submit", "-", "-o", "json")
		var document struct{ Error string }
		if err := json.Unmarshal([]byte(out), &document); status != 1 || err != nil || !strings.Contains(document.Error, "is not orderflow") {
			t.Errorf("exit status %d, %v\n%s", status, err, out)
		}
	})
}

func TestOutput_schema(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	sh := tools{shell.New(Process{Out: &out})}
	sh.Out = &out
	if err := sh.PrintJSON(schemaOf(scylla.SchemaStatus{Keyspace: "orderflow", Exists: true, Applied: []string{"001"}}, nil)); err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.golden", out.String())
}

// The version is the one that a service names.
func TestOutput_version(t *testing.T) {
	t.Parallel()
	out, _, status := command(t, "version", "--output=json")
	word, _, _ := command(t, "version")
	var document struct{ Version string }
	if err := json.Unmarshal([]byte(out), &document); err != nil || status != 0 || "orderflow "+document.Version+"\n" != word {
		t.Errorf("exit status %d, %v: %q and %q", status, err, out, word)
	}
}

func TestOutput_usage(t *testing.T) {
	t.Parallel()
	want(t, 2, `--output: "xml" is not one of table, json`, "version", "--output=xml")
	want(t, 2, "--output: it needs a value: one of table, json", "version", "-o")
	want(t, 2, "there is no flag -o", "demo", "-o", "json")
	want(t, 0, `"version"`, "version", "-o=json")
}

// A script that uses --json gets what it got before there was --output.
func TestOutput_oldFlag(t *testing.T) {
	t.Parallel()
	s := newFakeService(t, map[string][]string{"GET /v1/orders/" + anOrder + "/explain?after=0": {`200 {"aggregate_id":"x","events":[]}`}})
	old, errs, status := s.run(t, "explain", anOrder, "--json")
	now, _, _ := s.run(t, "explain", anOrder, "--output=json")
	if status != 0 || errs != "" || old != now || !strings.HasPrefix(old, "{\n") {
		t.Errorf("exit status %d\n%s\n%s\n%s", status, old, now, errs)
	}
	if help, _, _ := command(t, "explain", "--help"); strings.Contains(help, "--json") {
		t.Error("the old flag is shown")
	}
}
