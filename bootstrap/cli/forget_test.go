package cli

import (
	"strings"
	"testing"
)

const (
	apiRequested = `{"subject":"0a1b","subject_id":"` + anOrder + `","state":"requested","reason":"r","requested_at":"2026-03-01T12:00:00Z","aggregates":0,"rewritten":0,"plain_events":0`
	apiEnded     = `"subject":"0a1b","subject_id":"` + anOrder + `","reason":"r","requested_at":"2026-03-01T12:00:00Z","ended_at":"2026-03-01T12:00:05Z","aggregates":3,"rewritten":7,`
	apiErased    = `{"state":"done",` + apiEnded + `"plain_events":0}`
	apiPartial   = `{"state":"partial",` + apiEnded + `"plain_events":2}`
)

func TestForget(t *testing.T) {
	t.Parallel()
	const post, get = "POST /v1/customers/ann/erase", "GET /v1/customers/ann/erasure"
	asked := func(force string) []string {
		return []string{post + ` {"force":` + force + `,"reason":"r","reference":"t"}`}
	}
	for _, test := range []struct {
		name    string
		args    string
		answers map[string][]string
		status  int
		out     string
		errs    string
		changes []string
	}{
		{
			"waits for the end", "--reason=r --reference=t --force",
			map[string][]string{
				post: {"202 " + apiRequested + `}`},
				get:  {"200 " + apiRequested + `}`, "200 " + apiRequested + `,"waits":"a is\npaused"}`, "200 " + apiErased},
			},
			0, "the personal data of ann is erased since 2026-03-01T12:00:05Z: 3 orders, 7 views and snapshots of them were written again\n",
			"it waits: a is", asked("true"),
		},
		{
			"does not wait", "--reason=r --reference=t --no-wait",
			map[string][]string{post: {"202 " + apiRequested + `}`}},
			3, "", "not written again everywhere yet", asked("false"),
		},
		{
			"says what is left", "--reason=r --reference=t",
			map[string][]string{post: {"202 " + apiPartial}},
			3, "", "except for 2 events of 3 orders", asked("false"),
		},
		{
			"only asks", "--status",
			map[string][]string{get: {"200 " + apiRequested + `,"waits":"a is paused"}`}},
			3, "", "a is paused", nil,
		},
		{
			"unfinished orders", "--reason=r --reference=t",
			map[string][]string{post: {problemIs(409, "refused", "2 of 3 orders are not finished")}},
			1, "", "2 of 3 orders", asked("false"),
		},
		{
			"without a key", "--reason=r --reference=t",
			map[string][]string{post: {problemIs(404, "route_not_found", "no route")}},
			1, "", "--personal-key", asked("false"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newFakeService(t, test.answers)
			s.wantRun(t, test.status, test.out, test.errs, test.changes, append([]string{"forget", "ann"}, strings.Fields(test.args)...)...)
		})
	}
	t.Run("as JSON", func(t *testing.T) {
		t.Parallel()
		s := newFakeService(t, map[string][]string{get: {"200 " + apiPartial}})
		out, errs, status := s.run(t, "forget", "ann", "--status", "-o", "json")
		if status != 3 || !strings.Contains(errs, "2 events") {
			t.Errorf("exit status %d\n%s", status, errs)
		}
		isDescribed(t, "ErasureDocument", out)
	})
	t.Run("escapes the customer", func(t *testing.T) {
		t.Parallel()
		s := newFakeService(t, map[string][]string{"GET /v1/customers/a%2Fb/erasure": {"200 " + apiErased}})
		if out, errs, status := s.run(t, "forget", "a/b", "--status"); status != 0 {
			t.Errorf("exit status %d\n%s%s", status, out, errs)
		}
	})
}

func TestForget_usage(t *testing.T) {
	t.Parallel()
	want(t, 2, "needs CUSTOMER", "forget", "--reason=r")
	want(t, 2, "--reason: it is missing", "forget", "ann")
	want(t, 2, "--status: it changes nothing", "forget", "ann", "--status", "--reason=r")
}
