package bootstrap_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"orderflow/bootstrap/metrics"
	"orderflow/ports"
)

const (
	dashboardFile  = "../scripts/observability/dashboard.json"
	alertsFile     = "../scripts/observability/alerts.yaml"
	alertTestsFile = "../scripts/observability/alerts_test.yaml"
	runbookFile    = "../scripts/observability/RUNBOOK.md"
)

// notShown lists metrics that neither the dashboard nor an alert uses, with the reason.
var notShown = map[string]string{
	"orderflow_store_appends_waiting":    "the duration of commands shows what it costs when many wait",
	"orderflow_state_cache_states":       "the bytes of the cache are what is bounded",
	"orderflow_erasures_requested_total": "erasures are rare, and the log of operations has each of them",
	"orderflow_erasures_ended_total":     "what has not ended is what somebody has to look at",
	"orderflow_erasures_open":            "the age of the oldest one says whether something is wrong",
	"orderflow_cdc_rows_ignored_total":   "rows without a record are a part of every write, and say nothing about health",
}

// A dashboard or an alert that uses a metric which no longer exists shows nothing and reports no
// error.
func TestObservability_namesOnlyWhatIsExported(t *testing.T) {
	t.Parallel()
	exported := exportedMetrics(t)
	for place, queries := range map[string][]query{
		dashboardFile: dashboardQueries(t), alertsFile: alertQueries(t), alertTestsFile: alertTestQueries(t),
	} {
		if len(queries) == 0 {
			t.Errorf("%s: no queries", place)
		}
		for _, q := range queries {
			for _, problem := range q.problems(exported) {
				t.Errorf("%s: %s: %s\n%s", place, q.where, problem, q.text)
			}
		}
	}
}

func TestObservability_showsWhatIsExported(t *testing.T) {
	t.Parallel()
	exported, used := exportedMetrics(t), map[string]bool{}
	for _, q := range slices.Concat(dashboardQueries(t), alertQueries(t)) {
		for _, s := range q.selectors() {
			used[exported.family(s.metric)] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(exported)) {
		_, excused := notShown[name]
		switch ours := strings.HasPrefix(name, "orderflow_"); {
		case ours && !used[name] && !excused:
			t.Errorf("%s is in no panel and no alert: show it, or say in notShown why not", name)
		case excused && used[name]:
			t.Errorf("%s is shown, and notShown says why not", name)
		}
	}
	for name := range notShown {
		if exported[name] == nil {
			t.Errorf("notShown has %s, which is not exported", name)
		}
	}
}

func TestAlerts_tellWhatIsWrongAndTheWayOut(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, rule := range alerts(t) {
		if rule.Alert == "" || seen[rule.Alert] {
			t.Errorf("alert %q has no name of its own", rule.Alert)
		}
		seen[rule.Alert] = true
		if severity := rule.Labels["severity"]; severity != "page" && severity != "ticket" {
			t.Errorf("%s: severity %q", rule.Alert, severity)
		}
		if rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s: no summary, or no description", rule.Alert)
		}
	}
}

// Whoever is woken at night opens the section that the alert names.
func TestAlerts_haveASectionInTheRunbookAndAnExample(t *testing.T) {
	t.Parallel()
	sections, examples := map[string]string{}, string(read(t, alertTestsFile))
	title := ""
	for line := range strings.Lines(string(read(t, runbookFile))) {
		if heading, is := strings.CutPrefix(line, "## "); is {
			title = strings.TrimSpace(heading)
		} else if title != "" {
			sections[title] += line
		}
	}
	for _, rule := range alerts(t) {
		if want := "scripts/observability/RUNBOOK.md#" + strings.ToLower(rule.Alert); rule.Annotations["runbook"] != want {
			t.Errorf("%s: runbook %q, want %s", rule.Alert, rule.Annotations["runbook"], want)
		}
		if !strings.Contains(sections[rule.Alert], "\n1. ") {
			t.Errorf("%s: the runbook has no section with steps", rule.Alert)
		}
		if !strings.Contains(examples, `alertname="`+rule.Alert+`",alertstate="firing"`) {
			t.Errorf("%s: no example in which it fires", rule.Alert)
		}
		delete(sections, rule.Alert)
	}
	for title := range sections {
		t.Errorf("the runbook has the section %s, and there is no such alert", title)
	}
}

// promtool is the judge of whether alerts fire. It comes with Prometheus.
func TestAlerts_fireAsTheirExamplesSay(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("REQUIRE_INTEGRATION") == "1" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skipf("the examples of the alerts are not tried: %v", err)
	}
	for _, args := range [][]string{
		{"check", "rules", filepath.Base(alertsFile)}, {"test", "rules", filepath.Base(alertTestsFile)},
	} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = filepath.Dir(alertsFile)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// A consumer that catches up or is being rebuilt makes progress. No alert may fire for it.
func TestAlerts_takeStatesForWhatTheyAre(t *testing.T) {
	t.Parallel()
	for _, q := range alertQueries(t) {
		for _, s := range q.selectors() {
			for _, m := range s.matchers {
				for _, state := range []ports.ConsumerState{ports.ConsumerCatchingUp, ports.ConsumerExpired, ports.ConsumerRebuilding} {
					if m.label == "state" && !m.negative && m.matches(string(state)) {
						t.Errorf("%s is about consumers in the state %s", q.where, state)
					}
				}
			}
		}
	}
}

// The check of queries must find what is wrong in them.
func TestQuery_findsWhatIsNotExported(t *testing.T) {
	t.Parallel()
	exported := labelsOf{
		"orderflow_consumer_state":   {"consumer": true, "state": true},
		"orderflow_requests_seconds": {"route": true, "le": true},
	}
	for text, want := range map[string]string{
		`orderflow_consumer_sate`: "is not exported",
		`rate(orderflow_requests_seconds_bucket[5m]) / rate(orderflow_requests_count[5m])`: "orderflow_requests_count is not exported",
		`orderflow_consumer_state{state="pausing"}`:                                        `no consumer is ever "pausing"`,
		`orderflow_consumer_state{state=~"paused|runing"}`:                                 `no consumer is ever "runing"`,
		`orderflow_consumer_state{route="/"}`:                                              "has no label route",
		`sum by (phase) (orderflow_consumer_state)`:                                        "no metric in it has a label phase",
		`1 + 1`: "names no metric",
	} {
		if problems := (query{text: text}).problems(exported); len(problems) != 1 || !strings.Contains(problems[0], want) {
			t.Errorf("%s: %q, want one that says %q", text, problems, want)
		}
	}
	for _, text := range []string{
		`orderflow_consumer_state{instance=~"$instance",state!~"paused|running"} == 1 # orderflow_not_a_metric`,
		`histogram_quantile(0.5, sum by (le, route) (rate(orderflow_requests_seconds_bucket{route!="}"}[5m])))`,
		`ALERTS{alertname=~"Orderflow.*"}`,
	} {
		if problems := (query{text: text}).problems(exported); len(problems) > 0 {
			t.Errorf("%s: %q", text, problems)
		}
	}
}

// labelsOf holds the labels of each metric.
type labelsOf map[string]map[string]bool

var (
	sampleLine = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? `)
	labelName  = regexp.MustCompile(`([a-z_]+)="`)
	// variableLabels matches a single label
	variableLabels = regexp.MustCompile(`variableLabels: \{([a-z_]+)\}`)
	fqName         = regexp.MustCompile(`fqName: "([a-z_]+)"`)
)

// exportedMetrics returns the metrics of a service that has used every part, and those of the CDC
// feed.
func exportedMetrics(t *testing.T) labelsOf {
	t.Helper()
	app, _ := run(t, config(t.TempDir()), io.Discard)
	place(t, app)
	post(t, app, "/v1/consumers/order-read-model/rebuild")
	var exported labelsOf
	await(t, "figures of a rebuild and of lag", func() error {
		_, body := get(t, app.URL()+"/metrics")
		exported = scraped(body)
		for _, late := range []string{"orderflow_consumer_rebuild_orders_done", "orderflow_consumer_lag_age_seconds", "orderflow_http_request_duration_seconds"} {
			if exported[late] == nil {
				return fmt.Errorf("no %s", late)
			}
		}
		return nil
	})

	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		metrics.Feed(nil).Describe(descs)
		metrics.Certificate(nil, nil).Describe(descs)
		metrics.NewRefusals(nil).Describe(descs)
		metrics.Erasures(nil, nil).Describe(descs)
	}()
	for desc := range descs {
		labels := map[string]bool{}
		for _, label := range variableLabels.FindStringSubmatch(desc.String()) {
			labels[label] = true
		}
		exported[fqName.FindStringSubmatch(desc.String())[1]] = labels
	}
	return exported
}

// scraped parses the text format. A histogram is one metric with the label le.
func scraped(body string) labelsOf {
	found, histograms := labelsOf{}, map[string]bool{}
	for line := range strings.Lines(body) {
		if fields := strings.Fields(line); len(fields) == 4 && fields[1] == "TYPE" {
			histograms[fields[2]] = fields[3] == "histogram"
			found[fields[2]] = map[string]bool{}
			continue
		}
		if sample := sampleLine.FindStringSubmatch(line); sample != nil {
			for _, label := range labelName.FindAllStringSubmatch(sample[2], -1) {
				found[family(sample[1], histograms)][label[1]] = true
			}
		}
	}
	return found
}

func family(name string, histograms map[string]bool) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if base, is := strings.CutSuffix(name, suffix); is && histograms[base] {
			return base
		}
	}
	return name
}

// family returns the metric to which a name in a query belongs.
func (m labelsOf) family(name string) string {
	histograms := map[string]bool{}
	for metric, labels := range m {
		histograms[metric] = labels["le"]
	}
	return family(name, histograms)
}

// query is a PromQL query and its place in a file.
type query struct{ where, text string }

type selector struct {
	metric   string
	matchers []matcher
}

type matcher struct {
	label, value    string
	negative, regex bool
}

// matches reports whether the matcher accepts a value of the label.
func (m matcher) matches(value string) bool {
	if m.regex {
		return regexp.MustCompile("^(?:" + m.value + ")$").MatchString(value)
	}
	return m.value == value
}

var (
	// A matcher is searched before the text around it. So braces and names inside quotes are not
	// taken for braces and names.
	matcherText  = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	comment      = regexp.MustCompile(`#[^\n"]*(\n|$)`)
	selectorText = regexp.MustCompile(`\b((?:orderflow|go|process)_[a-z_]+|ALERTS)\b(?:\{([^}]*)\})?`)
	grouping     = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	marker       = regexp.MustCompile(`<(\d+)>`)
)

// selectors returns the metrics that the query names, with the conditions on their labels.
func (q query) selectors() (found []selector) {
	var all []matcher
	text := matcherText.ReplaceAllStringFunc(q.text, func(text string) string {
		m := matcherText.FindStringSubmatch(text)
		all = append(all, matcher{label: m[1], value: m[3], negative: m[2][0] == '!', regex: m[2][1:] == "~"})
		return fmt.Sprintf("<%d>", len(all)-1)
	})
	for _, s := range selectorText.FindAllStringSubmatch(comment.ReplaceAllString(text, "\n"), -1) {
		one := selector{metric: s[1]}
		for _, m := range marker.FindAllStringSubmatch(s[2], -1) {
			var i int
			if _, err := fmt.Sscan(m[1], &i); err == nil {
				one.matchers = append(one.matchers, all[i])
			}
		}
		found = append(found, one)
	}
	return found
}

// values lists the possible values of a label, where they are known.
var values = map[string][]string{
	"state": texts(
		ports.ConsumerStopped, ports.ConsumerStandby, ports.ConsumerPaused, ports.ConsumerCatchingUp, ports.ConsumerExpired,
		ports.ConsumerRebuilding, ports.ConsumerRunning, ports.ConsumerParked, ports.ConsumerFailing, ports.ConsumerFailed,
	),
	"phase": texts(ports.RebuildFilling, ports.RebuildVerifying, ports.RebuildRefused, ports.RebuildSwitched, ports.RebuildAborted),
}

func texts[T ~string](constants ...T) (texts []string) {
	for _, c := range constants {
		texts = append(texts, string(c))
	}
	return texts
}

// added lists the labels that Prometheus adds to what it scrapes.
var added = map[string]bool{"instance": true, "job": true}

// problems returns what in the query can never exist.
func (q query) problems(exported labelsOf) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	labels := maps.Clone(added)
	selectors := q.selectors()
	if len(selectors) == 0 {
		bad("it names no metric")
	}
	for _, s := range selectors {
		if s.metric == "ALERTS" { // Prometheus makes it, with the labels of the alert
			continue
		}
		has := exported[exported.family(s.metric)]
		if has == nil {
			bad("%s is not exported", s.metric)
			continue
		}
		maps.Copy(labels, has)
		for _, m := range s.matchers {
			if !has[m.label] && !added[m.label] {
				bad("%s has no label %s", s.metric, m.label)
			}
			for _, value := range strings.Split(m.value, "|") {
				if known := values[m.label]; known != nil && !slices.Contains(known, value) {
					bad("no consumer is ever %q", value)
				}
			}
		}
	}
	for _, group := range grouping.FindAllStringSubmatch(q.text, -1) {
		for label := range strings.SplitSeq(group[1], ",") {
			if label = strings.TrimSpace(label); label != "" && !labels[label] {
				bad("no metric in it has a label %s", label)
			}
		}
	}
	return problems
}

// dashboardQueries returns every query of the dashboard.
func dashboardQueries(t *testing.T) (queries []query) {
	t.Helper()
	type target struct {
		Expr string `json:"expr"`
	}
	var dashboard struct {
		Panels []struct {
			Title   string   `json:"title"`
			Type    string   `json:"type"`
			Targets []target `json:"targets"`
		} `json:"panels"`
		Annotations struct {
			List []target `json:"list"`
		} `json:"annotations"`
		Templating struct {
			List []struct {
				Name  string `json:"name"`
				Type  string `json:"type"`
				Query string `json:"query"`
			} `json:"list"`
		} `json:"templating"`
	}
	if err := json.Unmarshal(read(t, dashboardFile), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, p := range dashboard.Panels {
		if len(p.Targets) == 0 && p.Type != "row" {
			t.Errorf("panel %s shows nothing", p.Title)
		}
		for _, q := range p.Targets {
			queries = append(queries, query{"panel " + p.Title, q.Expr})
		}
	}
	for _, a := range dashboard.Annotations.List {
		queries = append(queries, query{"annotations", a.Expr})
	}
	for _, v := range dashboard.Templating.List {
		if v.Type == "query" {
			queries = append(queries, query{"variable " + v.Name, v.Query})
		}
	}
	return queries
}

type alertRule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) (rules []alertRule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []alertRule `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal(read(t, alertsFile), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("no alerts")
	}
	return rules
}

func alertQueries(t *testing.T) (queries []query) {
	t.Helper()
	for _, rule := range alerts(t) {
		queries = append(queries, query{rule.Alert, rule.Expr})
	}
	return queries
}

// alertTestQueries returns the series that the tests of the alerts invent. A test with a series
// that is never exported would prove nothing.
func alertTestQueries(t *testing.T) (queries []query) {
	t.Helper()
	var file struct {
		Tests []struct {
			Name   string `yaml:"name"`
			Series []struct {
				Series string `yaml:"series"`
			} `yaml:"input_series"`
		} `yaml:"tests"`
	}
	if err := yaml.Unmarshal(read(t, alertTestsFile), &file); err != nil {
		t.Fatal(err)
	}
	for _, test := range file.Tests {
		for _, s := range test.Series {
			queries = append(queries, query{test.Name, s.Series})
		}
	}
	return queries
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
