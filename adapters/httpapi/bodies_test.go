package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/domain/order"
	"orderflow/ports"
)

// creating returns a creation whose only item is as given.
func creating(item string) string {
	return `{"order_id":"` + orderID + `","customer_id":"ann","currency":"EUR","items":[` + item + `]}`
}

func TestBodies_refused(t *testing.T) {
	t.Parallel()
	const line = `{"sku":"A-1","quantity":2,"unit_price":1250}`
	handler := handlerOf(t, newShop().config())
	for name, test := range map[string]struct{ body, code, field string }{
		"no object":            {`[]`, "invalid_body", ""},
		"null":                 {`null`, "invalid_body", ""},
		"not JSON":             {`<order/>`, "invalid_body", ""},
		"two documents":        {creation + `{}`, "invalid_body", ""},
		"something behind":     {creation + `]`, "invalid_body", ""},
		"a NUL behind":         {creation + "\x00", "invalid_body", ""},
		"a byte order mark":    {"\ufeff" + creation, "invalid_body", ""},
		"cut off":              {creation[:40], "invalid_body", "order_id"},
		"only blanks":          {" \n", "invalid_body", ""},
		"comma at the end":     {`{"customer_id":"ann",}`, "invalid_body", ""},
		"no comma":             {`{"customer_id":"ann" "currency":"EUR"}`, "invalid_body", ""},
		"no colon":             {`{"customer_id" "ann"}`, "invalid_body", ""},
		"name without quotes":  {`{customer_id:"ann"}`, "invalid_body", ""},
		"text in single quote": {`{"customer_id":'ann'}`, "invalid_body", "customer_id"},
		"control character":    {"{\"customer_id\":\"a\nnn\"}", "invalid_body", "customer_id"},
		"unknown escape":       {`{"customer_id":"a\qnn"}`, "invalid_body", "customer_id"},
		"invalid UTF-8":        {"{\"customer_id\":\"a\xff\"}", "invalid_body", "customer_id"},
		"half of a pair":       {`{"customer_id":"a\ud83d"}`, "invalid_body", "customer_id"},
		"the other half":       {`{"customer_id":"\uDE00a"}`, "invalid_body", "customer_id"},
		"two first halves":     {`{"customer_id":"\ud83d\ud83d\ude00"}`, "invalid_body", "customer_id"},
		"halves the wrong way": {`{"customer_id":"\ude00\ud83d"}`, "invalid_body", "customer_id"},
		"halves apart":         {`{"customer_id":"\ud83d \ude00"}`, "invalid_body", "customer_id"},
		"half, escaped text":   {`{"customer_id":"\ud83d\\ude00"}`, "invalid_body", "customer_id"},

		"unknown member":           {`{"customer":"ann"}`, "invalid_body", "customer"},
		"member in another case":   {`{"Customer_id":"ann"}`, "invalid_body", "Customer_id"},
		"member given twice":       {`{"currency":"EUR","currency":"USD"}`, "invalid_body", "currency"},
		"member missing":           {`{"customer_id":"ann","currency":"EUR"}`, "invalid_body", "items"},
		"member null":              {`{"customer_id":null}`, "invalid_body", "customer_id"},
		"member of another type":   {`{"customer_id":4711}`, "invalid_body", "customer_id"},
		"items no list":            {`{"items":{}}`, "invalid_body", "items"},
		"order_id no UUID":         {`{"order_id":"4711"}`, "invalid_body", "order_id"},
		"order_id empty":           {`{"order_id":""}`, "invalid_body", "order_id"},
		"order_id nil":             {`{"order_id":"00000000-0000-0000-0000-000000000000"}`, "invalid_body", "order_id"},
		"item no object":           {creating(`"A-1"`), "invalid_body", "items[0]"},
		"item null":                {creating(line + `,null`), "invalid_body", "items[1]"},
		"item with unknown member": {creating(`{"sku":"A-1","qty":2}`), "invalid_body", "items[0].qty"},
		"item without price":       {creating(line + `,{"sku":"B","quantity":2}`), "invalid_body", "items[1].unit_price"},
		"quantity as text":         {creating(`{"sku":"A-1","quantity":"2","unit_price":1}`), "invalid_body", "items[0].quantity"},
		"quantity with fraction":   {creating(`{"sku":"A-1","quantity":2.5,"unit_price":1}`), "invalid_body", "items[0].quantity"},
		"quantity a part of one":   {creating(`{"sku":"A-1","quantity":1e-2,"unit_price":1}`), "invalid_body", "items[0].quantity"},
		"quantity true":            {creating(`{"sku":"A-1","quantity":true,"unit_price":1}`), "invalid_body", "items[0].quantity"},
		"quantity with zeros":      {creating(`{"sku":"A-1","quantity":007,"unit_price":1}`), "invalid_body", "items[0].quantity"},
		"quantity with a plus":     {creating(`{"sku":"A-1","quantity":+7,"unit_price":1}`), "invalid_body", "items[0].quantity"},
		"quantity a minus alone":   {creating(`{"sku":"A-1","quantity":-,"unit_price":1}`), "invalid_body", "items[0].quantity"},
		"price beyond 64 bits":     {creating(`{"sku":"A-1","quantity":2,"unit_price":9223372036854775808}`), "invalid_body", "items[0].unit_price"},

		"customer with a blank":    {strings.Replace(creation, "ann", "an n", 1), "invalid_customer_id", "customer_id"},
		"currency unknown":         {strings.Replace(creation, "EUR", "EUX", 1), "invalid_currency", "currency"},
		"no items":                 {creating(""), "invalid_items", "items"},
		"sku empty":                {creating(`{"sku":"","quantity":2,"unit_price":1}`), "invalid_sku", "items[0].sku"},
		"sku twice":                {creating(line + "," + line), "duplicate_sku", "items[1].sku"},
		"quantity zero":            {creating(`{"sku":"A-1","quantity":0,"unit_price":1}`), "invalid_quantity", "items[0].quantity"},
		"quantity minus zero":      {creating(`{"sku":"A-1","quantity":-0,"unit_price":1}`), "invalid_quantity", "items[0].quantity"},
		"price negative":           {creating(`{"sku":"A-1","quantity":2,"unit_price":-1}`), "invalid_unit_price", "items[0].unit_price"},
		"total beyond 64 bits":     {creating(`{"sku":"A-1","quantity":2,"unit_price":9223372036854775807}`), "total_too_large", "items"},
		"an item above the limit":  {bodyWith(order.MaxItems + 1), "invalid_items", "items"},
		"an unknown name too long": {`{"` + strings.Repeat("ü", 1000) + `":1}`, "invalid_body", strings.Repeat("ü", 32) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, do(t, handler, post("/v1/orders", test.body)), http.StatusBadRequest, test.code, test.field)
		})
	}
}

func TestBodies_messagesSayWhatToDo(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		creating(`{"sku":"A-1","quantity":"2","unit_price":1}`): "items[0].quantity must be a whole number, is a string",
		creating(`{"sku":"A-1","quantity":2}`):                  "items[0].unit_price is required",
		creating(`{"sku":"A-1","quantity":0,"unit_price":1}`):   "items[0].quantity must be 1 to 10000, is 0",
		`{"customer_id":"ann"`:                                  "no valid JSON at byte 20: a comma or } was expected",
		`{"customer_id":"\ud83d"}`:                              `customer_id no valid JSON at byte 23: a string has half of a surrogate pair, which is no character`,
		`{"\ud83d":"ann"}`:                                      `no valid JSON at byte 9: a string has half of a surrogate pair, which is no character`,
	} {
		answer := do(t, handlerOf(t, newShop().config()), post("/v1/orders", body))
		if got := problemIn(t, answer).Detail; got != want {
			t.Errorf("%s:\n got %q\nwant %q", body, got, want)
		}
	}
}

// The text of an escape sequence is kept as it is. So two texts that differ are never stored as the
// same.
func TestBodies_escapesAreKept(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		`\ud83d\ude00`:          "\U0001F600",
		`\uD83D\uDE00`:          "\U0001F600",
		`\\ud83d`:               `\ud83d`,
		`\\\ud83d\ude00`:        `\` + "\U0001F600",
		`\ufffd`:                "\ufffd",
		`\ud7ff\ue000`:          "\ud7ff\ue000",
		`a\"\/\b\f\n\r\t\u0041`: "a\"/\b\f\n\r\tA",
	} {
		shop, got := newShop(), ""
		shop.handle = func(_ context.Context, r ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
			got = r.Command.(order.CancelOrder).Reason
			return ports.CommandResult[order.Event]{AggregateID: r.Command.AggregateID(), SequenceNumber: 2}, nil
		}
		answer := do(t, handlerOf(t, shop.config()), post("/v1/orders/"+orderID+"/cancel", `{"reason":"`+written+`"}`))
		wantStatus(t, answer, http.StatusOK)
		if got != want {
			t.Errorf("%s: got %q, want %q", written, got, want)
		}
	}
}

// All faults of a body are reported at once: those of its shape, and what the domain refuses of the
// fields that could be read.
func TestBodies_everythingThatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	for body, want := range map[string][]string{
		`{"customer_id":"a b","currency":"EUX","items":[{"sku":"A","quantity":0,"unit_price":-1}]}`: {
			"customer_id", "currency", "items[0].quantity", "items[0].unit_price",
		},
		`{"customer_id":7,"currency":"EUX","items":[{"sku":"A","quantity":"1","unit_price":-1},{"sku":"?"}],"more":1}`: {
			"customer_id", "items[0].quantity", "items[1].quantity", "items[1].unit_price", "more", "currency", "items[0].unit_price", "items[1].sku",
		},
		`{"customer_id":"a b"}`:            {"currency", "items", "customer_id"},
		`{"customer_id":"a b","currency":`: {"currency"}, // nothing is known of what comes after
	} {
		p := wantProblem(t, do(t, handlerOf(t, newShop().config()), post("/v1/orders", body)), http.StatusBadRequest, "", "")
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Field)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
		if more := fmt.Sprintf("; errors has %d more", len(want)-1); len(want) > 1 && !strings.HasSuffix(p.Detail, more) {
			t.Errorf("detail %q", p.Detail)
		}
	}
	lines := strings.TrimSuffix(strings.Repeat(`{"sku":"","quantity":0,"unit_price":-1},`, 1000), ",")
	p := wantProblem(t, do(t, handlerOf(t, newShop().config()), post("/v1/orders", creating(lines))), http.StatusBadRequest, "invalid_sku", "items[0].sku")
	if len(p.Errors) != 20 {
		t.Errorf("%d errors, want the first 20", len(p.Errors))
	}
}

func TestBodies_limits(t *testing.T) {
	t.Parallel()

	t.Run("the largest order fits", func(t *testing.T) {
		t.Parallel()
		var lines []string
		for i := range order.MaxItems {
			lines = append(lines, fmt.Sprintf(`{"sku":"%064d","quantity":10000,"unit_price":%d}`, i, 900_000_000_000))
		}
		answer := do(t, handlerOf(t, newShop().config()), post("/v1/orders", creating(strings.Join(lines, ","))))
		wantStatus(t, answer, http.StatusCreated)
	})

	t.Run("a body of exactly the limit is read, one byte more is too large", func(t *testing.T) {
		t.Parallel()
		config := newShop().config()
		config.MaxBodyBytes = int64(len(creation))
		handler := handlerOf(t, config)
		wantProblem(t, do(t, handler, post("/v1/orders", creation+" ")), http.StatusRequestEntityTooLarge, "body_too_large", "")
		wantStatus(t, do(t, handler, post("/v1/orders", creation)), http.StatusCreated)
	})

	t.Run("no body", func(t *testing.T) {
		t.Parallel()
		wantProblem(t, do(t, handlerOf(t, newShop().config()), post("/v1/orders", "")), http.StatusBadRequest, "invalid_body", "")
	})

	t.Run("a body that breaks off", func(t *testing.T) {
		t.Parallel()
		r := post("/v1/orders", creation).http(t.Context())
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(creation), brokenReader{}))
		answer := httptest.NewRecorder()
		handlerOf(t, newShop().config()).ServeHTTP(answer, r)
		wantProblem(t, answer, http.StatusBadRequest, "invalid_body", "")
	})
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBodies_contentType(t *testing.T) {
	t.Parallel()
	for contentType, status := range map[string]int{
		"application/json":                   201,
		"application/json; charset=utf-8":    201,
		"application/json;charset=\"UTF-8\"": 201,
		"Application/JSON":                   201,
		"application/json; charset=latin1":   415,
		"application/json; charset":          415,
		"application/merge-patch+json":       415,
		"application/x-www-form-urlencoded":  415,
		"text/plain":                         415,
		"":                                   415,
	} {
		t.Run(contentType, func(t *testing.T) {
			t.Parallel()
			r := post("/v1/orders", creation)
			r.header = http.Header{"Content-Type": {contentType}}
			answer := do(t, handlerOf(t, newShop().config()), r)
			wantStatus(t, answer, status)
			if status == 415 {
				wantProblem(t, answer, 415, "unsupported_media_type", "")
			}
		})
	}
}

// A compressed body is not read as if it were plain text.
func TestBodies_compressed(t *testing.T) {
	t.Parallel()
	handler := handlerOf(t, newShop().config())
	for _, coding := range []string{"gzip", "br", "deflate, gzip", "x"} {
		answer := do(t, handler, post("/v1/orders", creation).with("Content-Encoding", coding))
		p := wantProblem(t, answer, http.StatusUnsupportedMediaType, "unsupported_media_type", "")
		if !strings.Contains(p.Detail, "Content-Encoding") || answer.Header().Get("Accept-Encoding") != "identity" {
			t.Errorf("%s: %q, Accept-Encoding %q", coding, p.Detail, answer.Header().Get("Accept-Encoding"))
		}
	}
	wantStatus(t, do(t, handler, post("/v1/orders", creation).with("Content-Encoding", "identity")), http.StatusCreated)
	wantStatus(t, do(t, handler, post("/v1/orders/"+orderID+"/deliver", "").with("Content-Encoding", "gzip")), http.StatusUnsupportedMediaType)
}

// madeID is the id of an order that the client did not name.
var madeID = uuid.UUID{6: 0x70, 8: 0x80, 15: 1}

// For every body: the status is never 5xx, a 4xx has a problem document, and what is accepted is
// what encoding/json reads and what the description allows.
func FuzzCreateOrder(f *testing.F) {
	for _, seed := range []string{
		creation, bodyWith(3), creating(`{"sku":"\u0041","quantity":-0,"unit_price":9223372036854775807}`), `{"customer_id":null}`,
		`{"items":[[[[[[`, `{"items":[{}]}`, "", "null", `{"customer_id":"\ud800","currency":"EUR","items":[]}`,
	} {
		f.Add([]byte(seed))
	}
	shop := newShop()
	var accepted order.Command
	shop.handle = func(_ context.Context, r ports.CommandRequest[order.Command]) (ports.CommandResult[order.Event], error) {
		accepted = r.Command
		_, err := order.Decide(order.Order{}, r.Command)
		return ports.CommandResult[order.Event]{AggregateID: r.Command.AggregateID(), SequenceNumber: 1}, err
	}
	config := shop.config()
	config.NewID = func() uuid.UUID { return madeID }
	handler := handlerOf(f, config)
	f.Fuzz(func(t *testing.T, body []byte) {
		answer := do(t, handler, post("/v1/orders", string(body)))
		if answer.Code >= 500 {
			t.Fatalf("status %d: %s", answer.Code, answer.Body)
		}
		if answer.Code >= 400 {
			return
		}
		var reference any
		if err := json.Unmarshal(body, &reference); err != nil {
			t.Fatalf("accepted, and no JSON: %v", err)
		}
		if problem := served().check(served().bodySchema(http.MethodPost, "/v1/orders"), reference, "body"); problem != "" {
			t.Fatalf("accepted, and not as described: %s", problem)
		}
		if diff := cmp.Diff(referenceCommand(t, body), accepted); diff != "" {
			t.Errorf("command (-encoding/json +got):\n%s", diff)
		}
	})
}

// referenceCommand reads a creation with encoding/json.
func referenceCommand(t *testing.T, body []byte) order.CreateOrder {
	t.Helper()
	var document struct {
		OrderID    string `json:"order_id"`
		CustomerID string `json:"customer_id"`
		Currency   string `json:"currency"`
		Items      []struct {
			SKU       string      `json:"sku"`
			Quantity  json.Number `json:"quantity"`
			UnitPrice json.Number `json:"unit_price"`
		} `json:"items"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&document); err != nil {
		t.Fatalf("accepted, and refused by encoding/json: %v", err)
	}
	command := order.CreateOrder{OrderID: madeID, CustomerID: document.CustomerID, Currency: order.Currency(document.Currency)}
	if document.OrderID != "" {
		command.OrderID = uuid.MustParse(document.OrderID)
	}
	for _, item := range document.Items {
		command.Items = append(command.Items, order.Item{SKU: item.SKU, Quantity: whole(t, item.Quantity), UnitPrice: order.Money(whole(t, item.UnitPrice))})
	}
	return command
}

// whole returns the value of a number that is whole, in whatever form it is written.
func whole(t *testing.T, n json.Number) int64 {
	t.Helper()
	exact, ok := new(big.Rat).SetString(n.String())
	if !ok || !exact.IsInt() || !exact.Num().IsInt64() {
		t.Fatalf("accepted %s for a whole number of 64 bits", n)
	}
	return exact.Num().Int64()
}

// At the limits, the schemas and the API agree: what one refuses, the other refuses, too.
func TestBodies_schemasAreWhatIsAccepted(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("x", n) }
	item := func(sku, quantity, price string) string {
		return creating(`{"sku":"` + sku + `","quantity":` + quantity + `,"unit_price":` + price + `}`)
	}
	confirmation := func(reference string) string { return `{"payment_reference":"` + reference + `"}` }
	shipment := func(carrier, number string) string {
		return `{"carrier":"` + carrier + `","tracking_number":"` + number + `"}`
	}
	const path = "/v1/orders/" + orderID
	handler := handlerOf(t, newShop().config())
	for _, test := range []struct {
		method, path string
		bodies       []string
	}{
		{http.MethodPost, "/v1/orders", []string{
			creation, bodyWith(1000), bodyWith(1001), creating(""), `{}`, strings.Replace(creation, `"`+orderID+`"`, `"x"`, 1),
			item(long(64), "1", "0"), item(long(65), "1", "0"), item("", "1", "0"), item("a b", "1", "0"), item("A-Z_0.9", "1", "0"),
			item("A", "10000", "0"), item("A", "10001", "0"), item("A", "0", "0"), item("A", "1", "-1"), item("A", "1.5", "0"),
			strings.Replace(creation, "ann", long(64), 1), strings.Replace(creation, "ann", long(65), 1), strings.Replace(creation, "ann", "", 1),
			strings.Replace(creation, "ann", "a:n@n._-", 1), strings.Replace(creation, "ann", "a/b", 1),
			strings.Replace(creation, "EUR", "EURO", 1), strings.Replace(creation, "EUR", "eur", 1), strings.Replace(creation, "EUR", "EUX", 1),
			strings.Replace(creation, "ann", ".", 1), strings.Replace(creation, "ann", "..", 1), strings.Replace(creation, "ann", "...", 1),
			strings.Replace(creation, "ann", ".a", 1), strings.Replace(creation, "ann", "..a", 1), strings.Replace(creation, "ann", "a..", 1),
			strings.Replace(creation, orderID, uuid.Nil.String(), 1), strings.Replace(creation, "ann", "ann\\n", 1),
			item("A", "206.0", "0"), item("A", "2.06e2", "0"), item("A", "1", "9223372036854774784"), item("A", "1", "9223372036854775808"),
			item("A", "1", "1e300"), item("A\\n", "1", "1"),
			strings.Replace(creation, `"currency"`, `"more":1,"currency"`, 1),
		}},
		{http.MethodPut, path + "/items", []string{`{"items":[]}`, `{}`, `{"items":[{"sku":"A","quantity":1,"unit_price":1,"total":1}]}`}},
		{http.MethodPost, path + "/confirm", []string{confirmation(long(128)), confirmation(long(129)), confirmation(""), confirmation("ü"), confirmation(" "), confirmation(`a\nb`), confirmation(`a\u0085`), confirmation(`\u007f`), confirmation(`a\n`), `{}`}},
		{http.MethodPost, path + "/ship", []string{shipment(long(64), long(128)), shipment(long(65), "x"), shipment("x", long(129)), shipment("", "x"), shipment("x", ""), shipment(`\t`, "x"), shipment("x", `\u0000`)}},
		{http.MethodPost, path + "/deliver", []string{`{}`, `{"x":1}`, `[]`, `null`}},
		{http.MethodPost, path + "/cancel", []string{`{"reason":"` + long(500) + `"}`, `{"reason":"` + long(501) + `"}`, `{"reason":""}`, `{"reason":1}`, `{"reason":"a\u009fb"}`, `{"reason":"a\u00a0b"}`}},
	} {
		schema := served().bodySchema(test.method, test.path)
		for _, body := range test.bodies {
			var document any
			if err := json.Unmarshal([]byte(body), &document); err != nil {
				t.Fatal(err)
			}
			answer := do(t, handler, request{method: test.method, path: test.path, body: body})
			accepted := answer.Code != http.StatusBadRequest
			if breach := served().check(schema, document, "body"); accepted != (breach == "") {
				t.Errorf("%s %s %.200s: answered %d, and the schema says %q", test.method, test.path, body, answer.Code, breach)
			}
		}
	}
}
