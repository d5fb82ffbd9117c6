package stock

import (
	"maps"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
)

// Type is the aggregate type of stock items. It is stored with every event and never changes.
const Type = "stock-item"

// Item is the state that decisions are made on. The zero Item does not exist yet.
type Item struct {
	SKU      string
	Received int64
	// Reserved is what is reserved, by order.
	Reserved map[uuid.UUID]int64
}

// Free returns how much can still be reserved.
func (i Item) Free() int64 {
	free := i.Received
	for _, quantity := range i.Reserved {
		free -= quantity
	}
	return free
}

// Decider returns the aggregate in the form that package eventsourcing knows.
func Decider() eventsourcing.Decider[Command, Item, Event] {
	return eventsourcing.Decider[Command, Item, Event]{Decide: Decide, Evolve: Evolve}
}

// Decide returns the events that c causes in i, none when it changes nothing, or a *RuleError.
func Decide(i Item, c Command) ([]Event, error) {
	if err := Check(c); err != nil {
		return nil, err
	}
	switch c := c.(type) {
	case Receive:
		return i.receive(c)
	case Reserve:
		return i.reserve(c)
	case Release:
		return i.release(c)
	default:
		return nil, unknownCommand(c)
	}
}

func (i Item) receive(c Receive) ([]Event, error) {
	if i.SKU != "" && i.SKU != c.SKU {
		return nil, refused(CodeOtherArticle, "this item is of article %s", i.SKU)
	}
	return []Event{Received{SKU: c.SKU, Quantity: c.Quantity, Reference: c.Reference}}, nil
}

func (i Item) reserve(c Reserve) ([]Event, error) {
	if i.SKU == "" {
		return nil, notFound()
	}
	switch reserved, before := i.Reserved[c.OrderID]; {
	case before && reserved == c.Quantity:
		return nil, nil
	case before:
		return nil, refused(CodeAlreadyReserved, "%d are reserved for this order; release them first", reserved)
	case c.Quantity > i.Free():
		return nil, refused(CodeNotEnough, "%d are free", i.Free())
	default:
		return []Event{Reserved{OrderID: c.OrderID, Quantity: c.Quantity}}, nil
	}
}

func (i Item) release(c Release) ([]Event, error) {
	if i.SKU == "" {
		return nil, notFound()
	}
	if _, reserved := i.Reserved[c.OrderID]; !reserved {
		return nil, nil
	}
	return []Event{Released{OrderID: c.OrderID}}, nil
}

// Evolve returns i after e.
func Evolve(i Item, e Event) Item {
	switch e := e.(type) {
	case Received:
		i.SKU = e.SKU
		i.Received += e.Quantity
	case Reserved:
		i.Reserved = maps.Clone(i.Reserved)
		if i.Reserved == nil {
			i.Reserved = map[uuid.UUID]int64{}
		}
		i.Reserved[e.OrderID] = e.Quantity
	case Released:
		i.Reserved = maps.Clone(i.Reserved)
		delete(i.Reserved, e.OrderID)
	}
	return i
}
