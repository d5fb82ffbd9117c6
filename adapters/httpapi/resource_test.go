package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"orderflow/adapters/httpapi"
	"orderflow/adapters/httpapi/aggregateapi"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/strictjson"
	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// The routes of another aggregate type, as a package beside orderapi would have them.

type stockCommand struct {
	item  uuid.UUID
	name  string
	count int64
}

func (c stockCommand) AggregateID() uuid.UUID { return c.item }
func (c stockCommand) Name() string           { return c.name }

// createBody has the same name as a type of package orderapi.
type createBody struct {
	Item  uuid.UUID `json:"item_id,omitzero" format:"uuid" doc:"The item."`
	Count int64     `json:"count" minimum:"1" doc:"How many came."`
}

func (b *createBody) Read(r *strictjson.Reader) {
	r.Object(
		strictjson.Member{Name: "item_id", Read: func() { b.Item = r.UUID() }},
		strictjson.Member{Name: "count", Required: true, Read: func() { b.Count = r.Integer() }},
	)
}

func (b *createBody) Command(id uuid.UUID) stockCommand {
	if b.Item != uuid.Nil {
		id = b.Item
	}
	return stockCommand{id, "receive", b.Count}
}

type reserveBody struct {
	Count int64 `json:"count" minimum:"1" doc:"How many are reserved."`
}

func (b *reserveBody) Read(r *strictjson.Reader) {
	r.Object(strictjson.Member{Name: "count", Required: true, Read: func() { b.Count = r.Integer() }})
}

func (b *reserveBody) Command(id uuid.UUID) stockCommand { return stockCommand{id, "reserve", b.Count} }

// stock handles every command alike.
type stock struct{ err error }

func (s stock) Handle(_ context.Context, r ports.CommandRequest[stockCommand]) (ports.CommandResult[string], error) {
	return ports.CommandResult[string]{
		AggregateID: r.Command.item, SequenceNumber: 1,
		Events: []eventsourcing.Envelope[string]{{
			Header: eventsourcing.Header{
				AggregateType: "stock-item", AggregateID: r.Command.item, SequenceNumber: 1, EventID: r.CommandID,
				CommandID: r.CommandID, CorrelationID: r.CorrelationID, CausationID: r.CausationID, CreatedAt: noon,
			},
			Event: fmt.Sprint(r.Command.name, " ", r.Command.count),
		}},
	}, s.err
}

func stockRoutes(s stock) endpoint.Resource {
	commands := aggregateapi.Commands[stockCommand, string]{
		Kind:    aggregateapi.Kind{Type: "stock-item", Path: "/v1/stock", IDName: "item_id", CommandTag: "stock", QueryTag: "stock", Read: "stock:read", Write: "stock:write"},
		Handler: s, Codec: codec{}, NewID: uuid.New,
	}
	return endpoint.Resource{
		Tags: []endpoint.Tag{{Name: "stock", Description: "What there is."}},
		Operations: []endpoint.Operation{
			commands.Create(aggregateapi.Command[stockCommand]{
				ID: "receive-item", Method: http.MethodPost, Summary: "Receive an item",
				Body: func() aggregateapi.Body[stockCommand] { return new(createBody) },
			}),
			commands.Change(aggregateapi.Command[stockCommand]{
				ID: "reserve-item", Method: http.MethodPost, Suffix: "/reserve", Summary: "Reserve some of an item",
				Body: func() aggregateapi.Body[stockCommand] { return new(reserveBody) },
			}),
		},
	}
}

func TestResource_ofAnotherAggregate(t *testing.T) {
	t.Parallel()
	config := newShop().config()
	config.Resources = []endpoint.Resource{stockRoutes(stock{})}
	handler := handlerOf(t, config)
	send := func(r request) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder() // without the description of orders alone
		handler.ServeHTTP(answer, r.http(t.Context()))
		checkAnswer(t, answer)
		return answer
	}

	answer := send(post("/v1/stock", `{"item_id":"`+orderID+`","count":3}`))
	wantStatus(t, answer, http.StatusCreated)
	got := bodyOf[object](t, answer)
	delete(got, "events")
	if diff := cmp.Diff(object{"aggregate_id": orderID, "aggregate_type": "stock-item", "sequence_number": 1.0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := answer.Header().Get("Location"); got != "/v1/stock/"+orderID {
		t.Errorf("Location %s", got)
	}
	wantProblem(t, send(post("/v1/stock/4711/reserve", `{"count":1}`)), http.StatusBadRequest, "invalid_parameter", "id")
	wantProblem(t, send(post("/v1/stock", `{"count":"many","order_id":1}`)), http.StatusBadRequest, "invalid_body", "count")

	var d description
	d.root = bodyOf[object](t, send(get("/openapi.json")))
	for method, path := range map[string]string{"/v1/stock": "item_id", "/v1/orders": "customer_id"} {
		schema := d.resolve(d.bodySchema(http.MethodPost, method))
		if _, ok := schema["properties"].(object)[path]; !ok {
			t.Errorf("the body of POST %s is described as %v", method, schema)
		}
	}
}

func TestResource_ofAnotherAggregate_problems(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		status int
		code   string
		detail string
	}{
		"no such item":         {ports.ErrNotFound, 404, "stock_item_not_found", "there is no such stock item"},
		"the id of an order":   {&ports.OtherTypeError{Type: "order", Wanted: "stock-item"}, 409, "other_aggregate_type", "this is the id of an aggregate of type order, not stock-item"},
		"too many lost races":  {ports.ErrVersionConflict, 409, "version_conflict", "others repeatedly changed the stock item at the same time; try again"},
		"a rule of its domain": {noStock{}, 422, "out_of_stock", "there are 0 left"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := httpapi.New(httpapi.Config{Resources: []endpoint.Resource{stockRoutes(stock{test.err})}})
			if err != nil {
				t.Fatal(err)
			}
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, post("/v1/stock/"+orderID+"/reserve", `{"count":1}`).http(t.Context()))
			p := wantProblem(t, answer, test.status, test.code, "")
			if p.Detail != test.detail || !strings.Contains(answer.Body.String(), `"aggregate_id":"`+orderID+`","aggregate_type":"stock-item"`) || p.OrderID != "" {
				t.Errorf("answered %s, want %s", answer.Body, test.detail)
			}
		})
	}
}

// noStock is a refusal by the domain of stock items.
type noStock struct{}

func (noStock) Error() string { return "no stock" }

func (noStock) Refusal() eventsourcing.Refusal {
	return eventsourcing.Refusal{Code: "out_of_stock", Detail: "there are 0 left"}
}

// A resource is a list of operations. The server serves and describes them.
func Example() {
	greet := endpoint.Operation{
		ID: "greet", Method: http.MethodGet, Path: "/v1/greetings/{name}", Tag: "greetings", Summary: "Greet somebody",
		Scope: "greetings:read",
		Parameters: []endpoint.Parameter{
			{Name: "name", In: endpoint.InPath, Description: "Who.", Schema: endpoint.Schema{Type: endpoint.TypeString, MinLength: 1, MaxLength: 8}},
			{Name: "times", In: endpoint.InQuery, Description: "How often.", Schema: endpoint.WholeSchema(1)},
		},
		Answers:  []endpoint.Answer{{Status: http.StatusOK, Description: "The greeting.", Document: ""}},
		Problems: []int{400},
		Run: func(c *endpoint.Call) (endpoint.Reply, error) {
			return endpoint.Reply{Body: strings.Repeat("hello ", int(max(1, c.Number("times")))) + c.Path("name")}, nil
		},
	}
	server, err := httpapi.New(httpapi.Config{Resources: []endpoint.Resource{{
		Tags: []endpoint.Tag{{Name: "greetings", Description: "Be friendly."}}, Operations: []endpoint.Operation{greet},
	}}})
	if err != nil {
		panic(err)
	}
	for _, path := range []string{"/v1/greetings/ann?times=2", "/v1/greetings/bartholomew?times=0"} {
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(answer.Code, strings.SplitN(answer.Body.String(), `"errors":`, 2)[0])
	}
	// Output:
	// 200 "hello hello ann"
	//
	// 400 {"type":"urn:orderflow:problem:invalid_parameter","title":"Bad Request","status":400,"code":"invalid_parameter","detail":"name must have 1 to 8 characters, has 11; errors has 1 more",
}
