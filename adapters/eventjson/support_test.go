package eventjson_test

import (
	"errors"
	"fmt"

	"orderflow/adapters/eventjson"
	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
)

// The tests use the events of accounts, whose amounts were once in whole euros, and of doors.
type (
	account   interface{ isAccountEvent() }
	deposited struct{ cents int64 }
	closed    struct{}

	door   interface{ isDoorEvent() }
	opened struct{ by string }
)

func (deposited) isAccountEvent() {}
func (closed) isAccountEvent()    {}
func (opened) isDoorEvent()       {}

type (
	depositedV2 struct {
		Cents *int64 `json:"cents"`
	}
	depositedV1 struct {
		Euros *int64 `json:"euros"`
	}
	closedV1 struct{}
	openedV1 struct {
		By *string `json:"by"`
	}
)

func (p depositedV1) next() (depositedV2, error) {
	if p.Euros == nil {
		return depositedV2{}, nil
	}
	cents := 100 * *p.Euros
	return depositedV2{Cents: &cents}, nil
}

func (p depositedV2) event() (account, error) {
	if p.Cents == nil {
		return nil, eventjson.Missing("cents")
	}
	return deposited{*p.Cents}, nil
}

func accounts() *eventjson.Codec[account] {
	return eventjson.New(eventjson.Config[account]{
		AggregateType: "account",
		Schemas: map[string]eventjson.Schema[account]{
			"account.deposited": {
				Upcasters: []eventjson.Upcaster{eventjson.Upcast(depositedV1.next)},
				Decode:    eventjson.Read(depositedV2.event),
			},
			"account.closed": {Decode: eventjson.Read(func(closedV1) (account, error) { return closed{}, nil })},
		},
		Payload: func(e account) (string, any, error) {
			switch e := e.(type) {
			case deposited:
				return "account.deposited", depositedV2{Cents: &e.cents}, nil
			case closed:
				return "account.closed", closedV1{}, nil
			default:
				return "", nil, errors.New("no event of an account")
			}
		},
	})
}

func doors() *eventjson.Codec[door] {
	return eventjson.New(eventjson.Config[door]{
		AggregateType: "door",
		Personal:      map[string][]string{"door.opened": {"by"}},
		Schemas: map[string]eventjson.Schema[door]{
			"door.opened": {Decode: eventjson.Read(func(p openedV1) (door, error) {
				if p.By == nil {
					return nil, eventjson.Missing("by")
				}
				return opened{*p.By}, nil
			})},
		},
		Payload: func(e door) (string, any, error) {
			o, ok := e.(opened)
			if !ok {
				return "", nil, fmt.Errorf("no event of a door")
			}
			return "door.opened", openedV1{By: &o.by}, eventjson.CheckText(o.by)
		},
	})
}

// header returns a header with every field set.
func header(aggregateType string) eventsourcing.Header {
	return eventtest.History(aggregateType, eventtest.ID(1), nil)[0].Header
}

func envelope[E any](aggregateType string, e E) eventsourcing.Envelope[E] {
	return eventsourcing.Envelope[E]{Header: header(aggregateType), Event: e}
}

func record(aggregateType, eventType string, version int, payload string) eventsourcing.Record {
	return eventsourcing.Record{
		Header: header(aggregateType), EventType: eventType, EventVersion: version, Payload: []byte(payload),
	}
}
