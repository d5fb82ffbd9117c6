package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"orderflow/bootstrap/cli/submission"
)

// SubmitService is the service behind a client as a submission.Service.
type SubmitService struct{ *Client }

var _ submission.Service = SubmitService{}

// Store implements submission.Service. It returns the id of the store, or the address of a service
// that is too old to return an id.
func (s SubmitService) Store(ctx context.Context) (string, error) {
	var index struct {
		Service string    `json:"service"`
		StoreID uuid.UUID `json:"store_id"`
	}
	if err := s.Do(ctx, Request{Method: http.MethodGet, Path: "/", Patient: true}, &index); err != nil {
		return "", fmt.Errorf("ask %s which store it has: %w", s.base, err)
	}
	switch {
	case index.Service != "orderflow":
		return "", fmt.Errorf("what answers at %s is not orderflow", s.base)
	case index.StoreID == uuid.Nil:
		return "address " + s.base, nil
	default:
		return index.StoreID.String(), nil
	}
}

// Submit implements submission.Service.
func (s SubmitService) Submit(ctx context.Context, c submission.Command) (submission.Answer, error) {
	var result struct {
		OrderID uuid.UUID `json:"order_id"`
		Events  []struct {
			EventID uuid.UUID `json:"event_id"`
		} `json:"events"`
	}
	method, path := route(c)
	err := s.Do(ctx, Request{Method: method, Path: path, Key: c.ID, Body: c.Body}, &result)
	var refused *Problem
	switch {
	case errors.As(err, &refused) && refused.isAboutTheCommand():
		return submission.Answer{Refusal: refused.Error()}, nil
	case err != nil:
		return submission.Answer{}, err
	case len(result.Events) == 0:
		return submission.Answer{}, nil
	default:
		return submission.Answer{OrderID: result.OrderID, EventID: result.Events[0].EventID}, nil
	}
}

// isAboutTheCommand reports whether the service has decided about the command. Every other error (a
// wrong address, no access, a proxy that answers itself) would refuse any command.
func (p *Problem) isAboutTheCommand() bool {
	judged := []int{
		http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed,
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
	}
	return p.Code != "" && p.Code != "route_not_found" && slices.Contains(judged, p.Status)
}

// Events implements submission.Service.
func (s SubmitService) Events(ctx context.Context, orderID uuid.UUID) ([]submission.Event, error) {
	var events []submission.Event
	err := s.Parts(ctx, "/v1/orders/"+orderID.String()+"/events", 0, func(part json.RawMessage) error {
		var answer struct {
			Events []struct {
				EventID   uuid.UUID `json:"event_id"`
				CommandID uuid.UUID `json:"command_id"`
			} `json:"events"`
		}
		err := json.Unmarshal(part, &answer)
		for _, e := range answer.Events {
			events = append(events, submission.Event{ID: e.EventID, CommandID: e.CommandID})
		}
		return err
	})
	var refused *Problem
	if errors.As(err, &refused) && refused.isAboutTheCommand() {
		return nil, nil
	}
	return events, err
}

// route returns the method and the path of a command.
func route(c submission.Command) (method, path string) {
	path = "/v1/orders/" + c.OrderID.String()
	switch c.Name {
	case "update_items":
		return http.MethodPut, path + "/items"
	case "confirm_order":
		return http.MethodPost, path + "/confirm"
	case "ship_order":
		return http.MethodPost, path + "/ship"
	case "deliver_order":
		return http.MethodPost, path + "/deliver"
	case "cancel_order":
		return http.MethodPost, path + "/cancel"
	default:
		return http.MethodPost, "/v1/orders"
	}
}
