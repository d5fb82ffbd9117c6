package cli

import (
	"strings"
	"testing"
)

func parkedJSON(order, kind, failure string) string {
	return `{"order_id":"` + order + `","sequence_number":3,"event_id":"` + anOrder + `","event_type":"order.shipped","kind":"` + kind + `","error":"` + failure +
		`","attempts":6,"failed_at":"2026-03-01T12:00:00Z","parked_at":"2026-03-01T12:00:05Z"}`
}

func TestParked_list(t *testing.T) {
	t.Parallel()
	const consumers, of = "GET /v1/consumers", "GET /v1/consumers/%s/parked?limit=200"
	path := func(consumer string) string { return strings.ReplaceAll(of, "%s", consumer) }
	script := func() map[string][]string {
		return map[string][]string{
			consumers:                   {consumersAre(`{"name":"a","state":"running"}`, `{"name":"b","state":"parked","parked":2}`)},
			path("a"):                   {`200 {"parked":[]}`},
			path("b"):                   {`200 {"parked":[` + parkedJSON("o-1", "undecodable", "bad\\nbyte") + `],"next_cursor":"x+y"}`},
			path("b") + "&cursor=x%2By": {`200 {"parked":[` + parkedJSON("o-2", "bug", strings.Repeat("e", 80)) + `]}`},
			path("nobody"):              {problemIs(404, "not_found", "there is no such consumer")},
			path("with%2Fslash"):        {`200 {"parked":[]}`},
		}
	}
	table := strings.TrimPrefix(`
CONSUMER  ORDER  EVENT  TYPE           KIND         ATTEMPTS  PARKED AT             ERROR
b         o-1    3      order.shipped  undecodable  6         2026-03-01T12:00:05Z  bad byte
b         o-2    3      order.shipped  bug          6         2026-03-01T12:00:05Z  `+strings.Repeat("e", 59)+"…\n", "\n")
	for _, test := range []struct {
		args   []string
		status int
		out    string
		err    string
	}{
		{[]string{"parked"}, 0, table, ""},
		{[]string{"parked", "ls"}, 0, table, ""},
		{[]string{"parked", "ls", "b"}, 0, table, ""},
		{[]string{"parked", "ls", "a"}, 0, "no order is parked\n", ""},
		{[]string{"parked", "ls", "with/slash"}, 0, "no order is parked\n", ""},
		{[]string{"parked", "ls", "nobody"}, 1, "", "there is no such consumer"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			newFakeService(t, script()).wantRun(t, test.status, test.out, test.err, nil, test.args...)
		})
	}
}

func TestParked_show(t *testing.T) {
	t.Parallel()
	const call = "GET /v1/consumers/b/parked/" + anOrder
	waiting := `"waiting":[{"sequence_number":3,"event_id":"e-3","event_type":"order.shipped","event_version":2,"created_at":"2026-03-01T12:00:00Z"},
		{"sequence_number":4,"event_id":"e-4","event_type":"order.delivered","event_version":1,"created_at":"2026-03-01T12:00:01Z"}]`
	retried := strings.Replace(parkedJSON(anOrder, "bug", "panic: nil map"), `"attempts"`, `"retried_at":"2026-03-01T13:00:00Z","attempts"`, 1)

	newFakeService(t, map[string][]string{call: {`200 {"parked":` + retried + `,` + waiting + `}`}}).wantRun(t, 0, `order `+anOrder+` is parked by b

event     3, order.shipped, `+anOrder+`
kind      bug
error     panic: nil map
attempts  6
failed    2026-03-01T12:00:00Z
parked    2026-03-01T12:00:05Z
retried   2026-03-01T13:00:00Z

waiting:
  3  order.shipped    v2  2026-03-01T12:00:00Z  e-3
  4  order.delivered  v1  2026-03-01T12:00:01Z  e-4
`, "", nil, "parked", "show", "b", anOrder)

	unreadable := `200 {"parked":` + parkedJSON(anOrder, "undecodable", "bad byte") + `,"waiting":[],"waiting_error":"corrupt"}`
	out, _, status := newFakeService(t, map[string][]string{call: {unreadable}}).run(t, "parked", "show", "b", anOrder)
	if status != 0 || !strings.HasSuffix(out, "the waiting events cannot be read: corrupt\n") {
		t.Errorf("exit status %d, want 0 and why nothing is shown:\n%s", status, out)
	}
}

func TestParked_retry(t *testing.T) {
	t.Parallel()
	const one, all = "POST /v1/consumers/b/parked/" + anOrder + "/retry", "POST /v1/consumers/b/retry-parked"
	for _, test := range []struct {
		name, call, answer string
		status             int
		out, err           string
	}{
		{"one that works", one, "204", 0, "order " + anOrder + " is no longer parked\n", ""},
		{"one that still fails", one, problemIs(409, "still_parked", "event 3 still fails: bad byte"), 3, "", "event 3 still fails: bad byte"},
		{"one that is not parked", one, problemIs(404, "not_found", "it has not parked this order"), 1, "", "it has not parked this order"},
		{"one of another process", one, problemIs(409, "held_elsewhere", "ask http://10.0.0.7:8080"), 1, "", "http://10.0.0.7:8080"},
		{"all that work", all, `200 {"released":5,"still_parked":[],"not_tried":0}`, 0, "5 orders are no longer parked, 0 still fail\n", ""},
		{
			"all but one", all, `200 {"released":5,"still_parked":[` + parkedJSON("o-1", "bug", "panic") + `],"not_tried":0}`,
			3, "5 orders are no longer parked, 1 still fail\norder o-1: event 3, order.shipped (bug): panic\n", "1 orders still fail",
		},
		{
			"until something came between", all, `200 {"released":5,"still_parked":[],"not_tried":2,"error":"store away"}`,
			1, "5 orders are no longer parked, 0 still fail\n", "2 orders were not tried: store away",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := []string{"parked", "retry", "b"}
			if test.call == one {
				args = append(args, anOrder)
			}
			newFakeService(t, map[string][]string{test.call: {test.answer}}).wantRun(t, test.status, test.out, test.err, []string{test.call}, args...)
		})
	}
}

func TestParked_groups(t *testing.T) {
	t.Parallel()
	const list, retry = "GET /v1/consumers/b/parked-groups", "POST /v1/consumers/b/retry-parked?fingerprint=8f14e45fceea&limit=10"
	newFakeService(t, map[string][]string{list: {`200 {"groups":[{"fingerprint":"8f14e45fceea","kind":"bug","event_type":"order.shipped",` +
		`"error":"panic:\n nil map","aggregates":12,"oldest":"2026-03-01T12:00:00Z","newest":"2026-03-01T13:00:00Z"}]}`}}).wantRun(t, 0,
		"CONSUMER  GROUP         ORDERS  TYPE           KIND  OLDEST                ERROR\n"+
			"b         8f14e45fceea  12      order.shipped  bug   2026-03-01T12:00:00Z  panic: nil map\n", "",
		nil, "parked", "groups", "b")
	newFakeService(t, map[string][]string{list: {`200 {"groups":[]}`}}).wantRun(t, 0, "no order is parked\n", "",
		nil, "parked", "groups", "b")
	newFakeService(t, map[string][]string{retry: {`200 {"released":10,"still_parked":[],"not_tried":0}`}}).wantRun(t, 0,
		"10 orders are no longer parked, 0 still fail\n", "", []string{retry},
		"parked", "retry", "b", "--group=8f14e45fceea", "--limit=10")
	newFakeService(t, nil).wantRun(t, 2, "", "they are not for one order", nil,
		"parked", "retry", "b", anOrder, "--limit=10")
}

func TestParked_skip(t *testing.T) {
	t.Parallel()
	const show, call = "GET /v1/consumers/b/parked/" + anOrder, "POST /v1/consumers/b/parked/" + anOrder + "/skip"
	const body = ` {"reason":"test data","sequence_number":3}`
	for _, test := range []struct {
		name, answer string
		status       int
		out, err     string
	}{
		{"and all is well", "204", 0, "event 3 (order.shipped) of order " + anOrder + " is skipped\norder " + anOrder + " is no longer parked\n", ""},
		{
			"and a later event fails", problemIs(409, "still_parked", "event 5 still fails: bad byte"),
			3, "event 3 (order.shipped) of order " + anOrder + " is skipped\n", "event 5 still fails: bad byte",
		},
		{"and it is refused", problemIs(409, "refused", "event 3 is not the one that fails"), 1, "", "event 3 is not the one that fails"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newFakeService(t, map[string][]string{show: {`200 {"parked":` + parkedJSON(anOrder, "bug", "panic") + `,"waiting":[]}`}, call: {test.answer}})
			s.wantRun(t, test.status, test.out, test.err, []string{call + body}, "parked", "skip", "b", anOrder, "--reason=test data")
		})
	}
}

func TestParked_skips(t *testing.T) {
	t.Parallel()
	const skips = `200 {"skips":[{"aggregate_id":"` + anOrder + `","sequence_number":3,"event_type":"order.shipped","reason":"test data",` +
		`"error":"panic: x","skipped_at":"2026-03-01T12:00:00.000Z"}],"next_cursor":"c 1"}`
	s := newFakeService(t, map[string][]string{
		"GET /v1/consumers/b/skips?limit=200":            {skips},
		"GET /v1/consumers/b/skips?limit=200&cursor=c+1": {`200 {"skips":[]}`},
		"GET /v1/consumers/a/skips?limit=200":            {`200 {"skips":[]}`},
		"POST /v1/consumers/b/unskip":                    {"204"},
	})
	s.wantRun(t, 0, "CONSUMER  ORDER                                 EVENT  TYPE           SKIPPED AT            REASON     ERROR\n"+
		"b         "+anOrder+"  3      order.shipped  2026-03-01T12:00:00Z  test data  panic: x\n", "", nil, "parked", "skips", "b")
	s.wantRun(t, 0, "no event is skipped\n", "", nil, "parked", "skips", "a")
	asked := []string{`POST /v1/consumers/b/unskip {"aggregate_id":"` + anOrder + `","sequence_number":3}`}
	s.wantRun(t, 0, "event 3 of order "+anOrder+" is not skipped any more\n", "", asked, "parked", "unskip", "b", anOrder, "3")
	s.wantRun(t, 2, "", `EVENT: "zero" is not the number of an event`, asked, "parked", "unskip", "b", anOrder, "zero")
}
