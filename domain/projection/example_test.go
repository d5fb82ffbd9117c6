package projection_test

import (
	"fmt"

	"github.com/google/uuid"

	"orderflow/domain/eventsourcing"
	"orderflow/domain/eventsourcing/eventtest"
	"orderflow/domain/projection"
)

// The events of a door.
type (
	opened struct{ by string }
	closed struct{}
)

// openDoor is the state of one door. It is kept as JSON between events.
type openDoor struct {
	ID uuid.UUID `json:"id"`
	By string    `json:"by"`
}

// openDoors lists the open doors by the person who opened them.
func openDoors() *projection.Projection {
	table := &projection.Table{Name: "open_doors", Owner: "door_id", Columns: []projection.Column{
		{Name: "opened_by", Kind: projection.Text, Role: projection.Partition},
		{Name: "door_id", Kind: projection.UUID, Role: projection.Clustering},
	}}
	reduce := func(s openDoor, e eventsourcing.Envelope[any]) openDoor {
		s.ID = e.AggregateID
		switch event := e.Event.(type) {
		case opened:
			s.By = event.by
		case closed:
			s.By = ""
		}
		return s
	}
	rows := func(s openDoor) []projection.Row {
		if s.By == "" {
			return nil
		}
		return []projection.Row{{s.By, s.ID}}
	}
	return projection.Define(projection.Definition[openDoor, any]{
		Name: "open-doors", Version: 1, Types: []string{"door"}, Table: table, Reduce: reduce, Rows: rows,
	})
}

// A projection says what each event changes in its table. A row whose key changes is another row.
func ExampleProjection_Advance() {
	p := openDoors()
	var state []byte
	for _, e := range eventtest.History("door", eventtest.ID(1), opened{"ada"}, opened{"bob"}, closed{}) {
		step, err := p.Advance(state, []projection.Event{e})
		if err != nil {
			fmt.Println(err)
			return
		}
		state = step.State
		fmt.Printf("%d:", e.SequenceNumber)
		for _, row := range step.Put {
			fmt.Print(" put ", p.Table.Get(row, "opened_by"))
		}
		for _, row := range step.Delete {
			fmt.Print(" delete ", p.Table.Get(row, "opened_by"))
		}
		fmt.Println()
	}

	// Output:
	// 1: put ada
	// 2: put bob delete ada
	// 3: delete bob
}

// The whole history at once gives the rows at its end.
func ExampleNew() {
	history := eventtest.History("door", eventtest.ID(1), opened{"ada"}, closed{}, opened{"bob"})

	step, err := openDoors().Advance(nil, history)
	fmt.Println(step.Put, err)
	// Output: [[bob 018f4e9a-0000-7000-8000-000000000001]] <nil>
}

// Check returns what is wrong with the declaration of a table. CheckRow does so for a row.
func ExampleTable_Check() {
	table := openDoors().Table
	fmt.Println(table.Check())
	fmt.Println(table.CheckRow(projection.Row{"ada", "not an id"}))

	table.Owner = "opened_by"
	fmt.Println(table.Check())
	// Output:
	// <nil>
	// table open_doors: column door_id: string
	// table open_doors: the owner "opened_by" is no key column of kind UUID
}
