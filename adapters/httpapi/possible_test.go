package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type possibleCommands struct {
	OrderID        string `json:"order_id"`
	Status         string `json:"status"`
	SequenceNumber int    `json:"sequence_number"`
	Commands       []struct {
		Command, Method, Path string
		Possible              bool
		Code, Detail          string
	} `json:"commands"`
}

// In every status, what is called possible is accepted, and what is not is refused with the same
// code and the same words.
func TestPossible_agreesWithWhatTheCommandsAnswer(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"update_items":  `{"items":[{"sku":"OTHER","quantity":7,"unit_price":1}]}`,
		"confirm_order": `{"payment_reference":"other"}`,
		"ship_order":    `{"carrier":"other","tracking_number":"other"}`,
		"deliver_order": `{}`,
		"cancel_order":  `{"reason":"other"}`,
	}
	life := []string{"confirm", "ship", "deliver"}
	for _, test := range []struct {
		status string
		steps  []string
		can    []string
	}{
		{"ACTIVE", nil, []string{"update_items", "confirm_order", "cancel_order"}},
		{"CONFIRMED", life[:1], []string{"ship_order", "cancel_order"}},
		{"SHIPPED", life[:2], []string{"deliver_order"}},
		{"DELIVERED", life, nil},
		{"CANCELLED", []string{"cancel"}, nil},
	} {
		t.Run(test.status, func(t *testing.T) {
			t.Parallel()
			for command, body := range bodies {
				handler := handlerOf(t, newShop().config())
				wantStatus(t, do(t, handler, post("/v1/orders", fmt.Sprintf(
					`{"order_id":%q,"customer_id":"ann","currency":"EUR","items":[{"sku":"A-1","quantity":1,"unit_price":5}]}`, orderID))), http.StatusCreated)
				for _, step := range test.steps {
					wantStatus(t, do(t, handler, post("/v1/orders/"+orderID+"/"+step, bodies[step+"_order"])), http.StatusOK)
				}
				answer := do(t, handler, get("/v1/orders/"+orderID+"/commands"))
				wantStatus(t, answer, http.StatusOK)
				possible := bodyOf[possibleCommands](t, answer)
				if possible.OrderID != orderID || possible.Status != test.status || possible.SequenceNumber != 1+len(test.steps) {
					t.Errorf("about %+v", possible)
				}
				var can []string
				for _, c := range possible.Commands {
					if c.Possible {
						can = append(can, c.Command)
					}
				}
				if diff := cmp.Diff(test.can, can); diff != "" {
					t.Fatalf("possible (-want +got):\n%s", diff)
				}
				for _, c := range possible.Commands {
					if c.Command != command {
						continue
					}
					sent := request{method: c.Method, path: c.Path, body: strings.ReplaceAll(body, "other", "another")}
					result := do(t, handler, sent)
					if c.Possible {
						wantStatus(t, result, http.StatusOK)
						continue
					}
					if c.Code == "" { // a second delivery
						if events := bodyOf[struct{ Events []any }](t, result).Events; result.Code != http.StatusOK || len(events) > 0 {
							t.Errorf("%s: told that it changes nothing, status %d, %d events", command, result.Code, len(events))
						}
						continue
					}
					wantStatus(t, result, http.StatusUnprocessableEntity)
					if p := problemIn(t, result); p.Code != c.Code || p.Detail != c.Detail {
						t.Errorf("%s: told %s %q, the command answers %s %q", command, c.Code, c.Detail, p.Code, p.Detail)
					}
				}
			}
		})
	}
	wantStatus(t, do(t, handlerOf(t, newShop().config()), get("/v1/orders/"+orderID+"/commands")), http.StatusNotFound)
}
