package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/ports"
)

func TestCommands_reachThePortAsSent(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse(orderID)
	items := []order.Item{{SKU: "A-1", Quantity: 2, UnitPrice: 1250}, {SKU: "B_2.x", Quantity: 10000, UnitPrice: 0}}
	const lines = `[{"sku":"A-1","quantity":2,"unit_price":1250}, {"unit_price":0,"quantity":10000,"sku":"B_2.\u0078"}]`
	for name, test := range map[string]struct {
		request request
		want    order.Command
		status  int
	}{
		"create": {
			post("/v1/orders", `{"order_id":"`+orderID+`","customer_id":"ann","currency":"EUR","items":`+lines+`}`),
			order.CreateOrder{OrderID: id, CustomerID: "ann", Currency: "EUR", Items: items},
			http.StatusCreated,
		},
		"update items": {put("/v1/orders/"+orderID+"/items", `{"items":`+lines+`}`), order.UpdateItems{OrderID: id, Items: items}, http.StatusOK},
		"confirm": {
			post("/v1/orders/"+orderID+"/confirm", "\t{ \"payment_reference\" :\r\n\"pay \\\"1\\\" ü\" } "),
			order.ConfirmOrder{OrderID: id, PaymentReference: `pay "1" ü`},
			http.StatusOK,
		},
		"ship": {
			post("/v1/orders/"+orderID+"/ship", `{"carrier":"DHL","tracking_number":"JD0146"}`),
			order.ShipOrder{OrderID: id, Carrier: "DHL", TrackingNumber: "JD0146"},
			http.StatusOK,
		},
		"deliver without a body": {post("/v1/orders/"+orderID+"/deliver", ""), order.DeliverOrder{OrderID: id}, http.StatusOK},
		"deliver":                {post("/v1/orders/"+orderID+"/deliver", "{}"), order.DeliverOrder{OrderID: id}, http.StatusOK},
		"cancel": {
			post("/v1/orders/"+orderID+"/cancel", `{"reason":"changed my mind"}`),
			order.CancelOrder{OrderID: id, Reason: "changed my mind"},
			http.StatusOK,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newShop()
			var got ports.CommandRequest[order.Command]
			shop.handle = func(_ context.Context, r ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
				got = r
				return instantly(r), nil
			}
			answer := do(t, handlerOf(t, shop.config()), test.request)
			wantStatus(t, answer, test.status)
			if diff := cmp.Diff(test.want, got.Command); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
			if got.ExpectedSequence != nil || got.CommandID == uuid.Nil || got.CorrelationID != got.CommandID || got.CausationID != got.CommandID {
				t.Errorf("unasked-for expectations or ids: %+v", got)
			}
		})
	}
}

// instantly returns the answer to a command that did one thing.
func instantly(r ports.CommandRequest[order.Command]) ports.CommandResult[order.Event] {
	result, err := newShop().Handle(context.Background(), ports.CommandRequest[order.Command]{
		CommandID: r.CommandID, CorrelationID: r.CorrelationID,
		Command: order.CreateOrder{OrderID: r.Command.AggregateID(), CustomerID: "ann", Currency: "EUR", Items: []order.Item{{SKU: "A-1", Quantity: 1}}},
	})
	if err != nil {
		panic(err)
	}
	return result
}

func TestCommands_ids(t *testing.T) {
	t.Parallel()
	const (
		command     = "0195f3a0-0000-7000-8000-00000000000a"
		correlation = "0195f3a0-0000-7000-8000-00000000000b"
		causation   = "0195f3a0-0000-7000-8000-00000000000c"
	)
	create := post("/v1/orders", strings.Replace(creation, `"order_id":"`+orderID+`",`, "", 1))
	send := func(t *testing.T, requests ...request) ([]ports.CommandRequest[order.Command], string) {
		t.Helper()
		shop := newShop()
		handler := handlerOf(t, shop.config())
		var echo string
		for _, r := range requests {
			answer := do(t, handler, r)
			wantStatus(t, answer, http.StatusCreated)
			echo = answer.Header().Get("X-Correlation-ID")
		}
		return shop.requests, echo
	}

	t.Run("a key that is a UUID is the command id", func(t *testing.T) {
		t.Parallel()
		got, echo := send(t, create.with("Idempotency-Key", strings.ToUpper(command)))
		if got[0].CommandID.String() != command || echo != command {
			t.Errorf("command id %s, correlation id echoed %s, want %s", got[0].CommandID, echo, command)
		}
	})

	t.Run("ids derived from a key never change", func(t *testing.T) {
		t.Parallel()
		got, _ := send(t, create.with("Idempotency-Key", "order-4711"))
		const wantCommand, wantOrder = "3fcdd746-4c8e-5e26-b196-92a29ff38b0b", "702dfe4a-5ee5-5253-af5d-cae82d9303f1"
		if got[0].CommandID.String() != wantCommand || got[0].Command.AggregateID().String() != wantOrder {
			t.Errorf("command %s and order %s, want %s and %s", got[0].CommandID, got[0].Command.AggregateID(), wantCommand, wantOrder)
		}
	})

	t.Run("the same key is the same order", func(t *testing.T) {
		t.Parallel()
		keyed := create.with("Idempotency-Key", "order-4711")
		got, _ := send(t, keyed, keyed)
		if got[0].Command.AggregateID() != got[1].Command.AggregateID() || got[0].CommandID != got[1].CommandID {
			t.Errorf("a retry became another order: %+v", got)
		}
	})

	t.Run("without a key every creation is another order", func(t *testing.T) {
		t.Parallel()
		got, _ := send(t, create, create)
		if got[0].Command.AggregateID() == got[1].Command.AggregateID() || got[0].CommandID == got[1].CommandID {
			t.Errorf("two orders became one: %+v", got)
		}
	})

	t.Run("order_id counts more than the key", func(t *testing.T) {
		t.Parallel()
		got, _ := send(t, post("/v1/orders", creation).with("Idempotency-Key", "order-4711"))
		if got[0].Command.AggregateID().String() != orderID {
			t.Errorf("order %s, want %s", got[0].Command.AggregateID(), orderID)
		}
	})

	t.Run("correlation and causation are carried", func(t *testing.T) {
		t.Parallel()
		got, echo := send(t, create.with("X-Correlation-Id", correlation).with("X-Causation-Id", causation))
		if got[0].CorrelationID.String() != correlation || got[0].CausationID.String() != causation || echo != correlation {
			t.Errorf("correlation %s, causation %s, echo %s", got[0].CorrelationID, got[0].CausationID, echo)
		}
	})
}

// Ids of other systems have many forms. None is refused, each is kept as it came, and the same text
// always gives the same UUID.
func TestCommands_idsOfOtherSystems(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		// W3C trace context
		"4bf92f3577b34da6a3ce929d0e0e4736":                        "dfdbf5fc-94a9-5708-8207-2f2db69a4665",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": "",
		"1-67891233-abcdef012345678912345678":                     "", // AWS X-Ray
		"Root=1-67891233-abcdef012345678912345678;Sampled=1":      "",
		"01JQ8Z6Q6M3T4V5W6X7Y8Z9A0B":                              "", // ULID
		"req_7f3a/web-12 (retry 3)":                               "",
		"Bestellung für Jürgen":                                   "",
		"order-topic-0-42":                                        "",
		"{" + orderID + "}":                                       "",
		strings.ReplaceAll(orderID, "-", ""):                      "",
		uuid.Nil.String():                                         "",
		strings.Repeat("ü", 128):                                  "",
	} {
		for header, id := range map[string]func(ports.CommandRequest[order.Command]) uuid.UUID{
			"X-Correlation-Id": func(r ports.CommandRequest[order.Command]) uuid.UUID { return r.CorrelationID },
			"X-Causation-Id":   func(r ports.CommandRequest[order.Command]) uuid.UUID { return r.CausationID },
		} {
			shop := newShop()
			answer := do(t, handlerOf(t, shop.config()), post("/v1/orders", creation).with(header, text))
			wantStatus(t, answer, http.StatusCreated)
			got := shop.requests[0]
			key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(header, "X-")), "-", "_")
			if diff := cmp.Diff(map[string]string{key: text}, got.Metadata); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
			if derived := id(got); want != "" && derived.String() != want || derived.Version() != 5 || derived == got.CommandID {
				t.Errorf("%s %q became %s, want %s", header, text, derived, want)
			}
			if echo := answer.Header().Get("X-Correlation-Id"); header == "X-Correlation-Id" && echo != text {
				t.Errorf("echoed %q, want %q", echo, text)
			}
		}
	}
	t.Run("an empty one is none", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		answer := do(t, handlerOf(t, shop.config()), post("/v1/orders", creation).with("X-Correlation-Id", "").with("X-Causation-Id", ""))
		if got := shop.requests[0]; got.CorrelationID != got.CommandID || got.CausationID != got.CommandID || got.Metadata != nil ||
			answer.Header().Get("X-Correlation-Id") != got.CommandID.String() {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("several lines are one", func(t *testing.T) {
		t.Parallel()
		shop := newShop()
		do(t, handlerOf(t, shop.config()), post("/v1/orders", creation).with("X-Correlation-Id", "a").with("X-Correlation-Id", "b"))
		if got := shop.requests[0].Metadata["correlation_id"]; got != "a, b" {
			t.Errorf("kept %q", got)
		}
	})
}

func TestCommands_badHeaders(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, newShop().config())
	for name, test := range map[string]struct{ header, value string }{
		"empty key":                 {"Idempotency-Key", ""},
		"key with a blank":          {"Idempotency-Key", "a b"},
		"key beyond ASCII":          {"Idempotency-Key", "schlüssel"},
		"key too long":              {"Idempotency-Key", strings.Repeat("k", 256)},
		"correlation id too long":   {"X-Correlation-Id", strings.Repeat("ü", 129)},
		"correlation id with a tab": {"X-Correlation-Id", "a\tb"},
		"causation id no UTF-8":     {"X-Causation-Id", "a\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := do(t, handler, post("/v1/orders", creation).with(test.header, test.value))
			wantProblem(t, answer, http.StatusBadRequest, "invalid_parameter", test.header)
		})
	}
	t.Run("key given twice", func(t *testing.T) {
		t.Parallel()
		answer := do(t, handler, post("/v1/orders", creation).with("Idempotency-Key", "a").with("Idempotency-Key", "a"))
		wantProblem(t, answer, http.StatusBadRequest, "invalid_parameter", "Idempotency-Key")
	})
	t.Run("the longest key is fine", func(t *testing.T) {
		t.Parallel()
		answer := do(t, handlerOf(t, newShop().config()), post("/v1/orders", creation).with("Idempotency-Key", strings.Repeat("~", 255)))
		wantStatus(t, answer, http.StatusCreated)
	})
}

func TestCommands_ifMatch(t *testing.T) {
	t.Parallel()
	const confirmation = `{"payment_reference":"pay-1"}`
	for _, test := range []struct {
		name   string
		values []string
		status int
	}{
		{"the version it has", []string{`"2"`}, 200},
		{"any version", []string{`*`}, 200},
		{"any version, with blanks", []string{" * "}, 200},
		{"one of a list", []string{`"1", "2"`}, 200},
		{"one of a list, the other way round", []string{`"7","2" ,"1"`}, 200},
		{"one of several lines", []string{`"1"`, `"2"`}, 200},
		{"empty list elements", []string{`, "2",,`}, 200},
		{"among tags of others", []string{`"abc", W/"2", "2"`}, 200},
		{"a comma inside of a tag", []string{`"1,2", "2"`}, 200},
		{"an older version", []string{`"1"`}, 412},
		{"a later version", []string{`"3"`}, 412},
		{"none of a list", []string{`"1", "3"`}, 412},
		{"a weak tag, which never matches", []string{`W/"2"`}, 412},
		{"a tag of another service", []string{`"abc"`}, 412},
		{"a number that is not written so", []string{`"02"`}, 412},
		{"version 0, which nothing has", []string{`"0"`}, 412},
		{"a number beyond 64 bits", []string{`"18446744073709551616"`}, 412},
		{"the greatest number", []string{`"18446744073709551615"`}, 412},
		{"a tag with bytes above ASCII", []string{"\"\xfc\""}, 412},
		{"an empty tag", []string{`""`}, 412},
		{"nothing", []string{""}, 400},
		{"only commas", []string{" , ,"}, 400},
		{"no quotes", []string{"2"}, 400},
		{"no closing quote", []string{`"2`}, 400},
		{"a lower-case weak mark", []string{`w/"2"`}, 400},
		{"a weak mark alone", []string{`W/`}, 400},
		{"two tags without a comma", []string{`"1" "2"`}, 400},
		{"something behind a tag", []string{`"2"x`}, 400},
		{"a blank inside of a tag", []string{`"2 "`}, 400},
		{"a star in a list", []string{`*, "2"`}, 400},
		{"a star behind a tag", []string{`"2"`, `*`}, 400},
		{"too many tags", []string{strings.Repeat(`"2",`, 17)}, 400},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			handler := handlerOf(t, newShop().config())
			wantStatus(t, do(t, handler, post("/v1/orders", creation)), http.StatusCreated)
			wantStatus(t, do(t, handler, put("/v1/orders/"+orderID+"/items", `{"items":[{"sku":"B","quantity":1,"unit_price":1}]}`)), http.StatusOK)
			r := post("/v1/orders/"+orderID+"/confirm", confirmation)
			for _, value := range test.values {
				r = r.with("If-Match", value)
			}
			answer := do(t, handler, r)
			switch test.status {
			case 200:
				wantStatus(t, answer, http.StatusOK)
			case 412:
				p := wantProblem(t, answer, http.StatusPreconditionFailed, "precondition_failed", "")
				if p.Actual == nil || *p.Actual != 2 || p.OrderID != orderID {
					t.Errorf("the problem does not say where order %s stands: %s", orderID, answer.Body)
				}
				if ours := slices.Contains([]string{`"1"`, `"3"`, `"1", "3"`}, test.values[0]); ours != (p.Expected != nil) {
					t.Errorf("expected is shown for a tag that stands for no version, or not for one that does: %s", answer.Body)
				}
			default:
				wantProblem(t, answer, test.status, "invalid_parameter", "If-Match")
			}
		})
	}

	t.Run("an unknown order is not found, whatever the version", func(t *testing.T) {
		t.Parallel()
		handler := handlerOf(t, newShop().config())
		for _, value := range []string{`"1"`, `*`, `"abc"`} {
			answer := do(t, handler, post("/v1/orders/"+orderID+"/confirm", confirmation).with("If-Match", value))
			wantProblem(t, answer, http.StatusNotFound, "order_not_found", "")
		}
	})

	t.Run("a retry is answered as before, although the version has moved on", func(t *testing.T) {
		t.Parallel()
		handler := handlerOf(t, newShop().config())
		wantStatus(t, do(t, handler, post("/v1/orders", creation)), http.StatusCreated)
		r := post("/v1/orders/"+orderID+"/confirm", confirmation).with("If-Match", `"1"`).with("Idempotency-Key", "k")
		first, second := do(t, handler, r), do(t, handler, r)
		if diff := cmp.Diff(first.Body.String(), second.Body.String()); diff != "" || second.Code != http.StatusOK {
			t.Errorf("status %d, answers differ (-first +second):\n%s", second.Code, diff)
		}
	})

	t.Run("a creation has no version to match", func(t *testing.T) {
		t.Parallel()
		handler := handlerOf(t, newShop().config())
		wantProblem(t, do(t, handler, post("/v1/orders", creation).with("If-Match", `"1"`)), http.StatusPreconditionFailed, "precondition_failed", "")
		wantProblem(t, do(t, handler, post("/v1/orders", creation).with("If-Match", `1`)), http.StatusBadRequest, "invalid_parameter", "If-Match")
		wantProblem(t, do(t, handler, post("/v1/orders", `{`).with("If-Match", `"1"`)), http.StatusBadRequest, "invalid_body", "")
		wantStatus(t, do(t, handler, post("/v1/orders", creation).with("If-Match", `*`)), http.StatusCreated)
	})
}

func TestCommands_ifMatch_triesTheVersionsThatTheOrderIsAt(t *testing.T) {
	t.Parallel()
	shop := newShop()
	var tried []uint64
	shop.handle = func(_ context.Context, r ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
		tried = append(tried, *r.ExpectedSequence)
		return ports.CommandResult[order.Event]{}, &ports.VersionConflictError{AggregateID: r.Command.AggregateID(), Expected: *r.ExpectedSequence, Actual: *r.ExpectedSequence + 2}
	}
	r := post("/v1/orders/"+orderID+"/deliver", "").with("If-Match", `"4", "2", "3", "2", "5"`)
	p := wantProblem(t, do(t, handlerOf(t, shop.config()), r), http.StatusPreconditionFailed, "precondition_failed", "")
	if diff := cmp.Diff([]uint64{2, 4}, tried); diff != "" {
		t.Errorf("versions tried (-want +got):\n%s", diff)
	}
	if *p.Expected != 4 || *p.Actual != 6 {
		t.Errorf("expected %d, actual %d; want 4 and 6", *p.Expected, *p.Actual)
	}
}

func TestCommands_sameContentAgainIsNotCreatedAgain(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, newShop().config())
	wantStatus(t, do(t, handler, post("/v1/orders", creation)), http.StatusCreated)
	answer := do(t, handler, post("/v1/orders", creation))
	wantStatus(t, answer, http.StatusOK)
	if got := answer.Header().Get("Location"); got != "/v1/orders/"+orderID {
		t.Errorf("Location %q", got)
	}
}

func TestCommands_crossOrigin(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, newShop().config())
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		answer := do(t, handler, post("/v1/orders/"+orderID+"/deliver", "").with(header[0], header[1]))
		wantProblem(t, answer, http.StatusForbidden, "cross_origin", "")
	}
	wantStatus(t, do(t, handler, post("/v1/orders", creation).with("Sec-Fetch-Site", "same-origin")), http.StatusCreated)
}

func TestCommands_encodingFailure(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	config.Codec = brokenCodec{}
	wantProblem(t, do(t, handlerOf(t, config), post("/v1/orders", creation)), http.StatusInternalServerError, "internal", "")
}

type brokenCodec struct{ codec }

func (brokenCodec) Encode(eventEnvelope) (record, error) { return record{}, errors.New("broken") }
