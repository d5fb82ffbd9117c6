package pace

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"orderflow/domain/order"
)

// patience bounds one request.
const patience = 30 * time.Second

// Client talks to the HTTP API of a service over a fixed number of persistent connections. It does
// less than net/http's client, because the client and the service share the cores.
type Client struct {
	address string
	// idle holds the connections that are not in use, and nil for one that is not open.
	idle chan *connection
}

type connection struct {
	net.Conn
	in *bufio.Reader
}

// NewClient returns a Client of the service at a base URL. Close it at the end.
func NewClient(url string, connections int) *Client {
	c := &Client{address: strings.TrimPrefix(url, "http://"), idle: make(chan *connection, connections)}
	for range connections {
		c.idle <- nil
	}
	return c
}

// Close closes the connections. No request may be in progress.
func (c *Client) Close() {
	for range cap(c.idle) {
		if used := <-c.idle; used != nil {
			_ = used.Close() // nothing is in flight
		}
	}
}

// Handle sends a command.
func (c *Client) Handle(ctx context.Context, command order.Command) error {
	method, path, body, err := Request(command)
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, method, path, body)
	return err
}

// Get reads the JSON document at a path.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	body, err := c.Do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Do sends a request and returns the body of the answer. An answer other than 2xx is an error.
func (c *Client) Do(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	var used *connection
	select {
	case used = <-c.idle:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	answer, status, err := c.exchange(&used, method, path, body)
	c.idle <- used
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("status %d: %s", status, answer)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return answer, nil
}

// exchange uses a connection, which it opens if it is nil. After an error it is nil again.
func (c *Client) exchange(on **connection, method, path string, body []byte) (answer []byte, status int, err error) {
	if *on == nil {
		opened, err := net.Dial("tcp", c.address)
		if err != nil {
			return nil, 0, err
		}
		*on = &connection{opened, bufio.NewReader(opened)}
	}
	used := *on
	defer func() {
		if err != nil {
			_ = used.Close() // the other error says more
			*on = nil
		}
	}()
	if err := used.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, 0, err
	}
	request := make([]byte, 0, 256+len(body))
	request = append(request, method+" "+path+" HTTP/1.1\r\nHost: "+c.address+"\r\n"...)
	if body != nil {
		request = append(request, "Content-Type: application/json\r\n"...)
	}
	if method != http.MethodGet {
		request = append(request, "Content-Length: "+strconv.Itoa(len(body))+"\r\n"...)
	}
	request = append(append(request, "\r\n"...), body...)
	if _, err := used.Write(request); err != nil {
		return nil, 0, err
	}
	response, err := http.ReadResponse(used.in, nil)
	if err != nil {
		return nil, 0, err
	}
	answer, err = io.ReadAll(response.Body)
	if err == nil && response.Close {
		err = fmt.Errorf("status %d, and the service closes the connection: %s", response.StatusCode, answer)
	}
	return answer, response.StatusCode, err
}

type object = map[string]any

// Request returns the request of a command. The body is nil for a command without one.
func Request(c order.Command) (method, path string, body []byte, err error) {
	method, path = http.MethodPost, "/v1/orders/"+c.AggregateID().String()
	var document object
	switch c := c.(type) {
	case order.CreateOrder:
		path = "/v1/orders"
		document = object{"order_id": c.OrderID, "customer_id": c.CustomerID, "currency": c.Currency, "items": items(c.Items)}
	case order.UpdateItems:
		method, path, document = http.MethodPut, path+"/items", object{"items": items(c.Items)}
	case order.ConfirmOrder:
		path, document = path+"/confirm", object{"payment_reference": c.PaymentReference}
	case order.ShipOrder:
		path, document = path+"/ship", object{"carrier": c.Carrier, "tracking_number": c.TrackingNumber}
	case order.DeliverOrder:
		return method, path + "/deliver", nil, nil
	default:
		return "", "", nil, fmt.Errorf("%s has no route here", c.Name())
	}
	body, err = json.Marshal(document)
	return method, path, body, err
}

func items(items []order.Item) []object {
	lines := make([]object, len(items))
	for i, item := range items {
		lines[i] = object{"sku": item.SKU, "quantity": item.Quantity, "unit_price": item.UnitPrice}
	}
	return lines
}
