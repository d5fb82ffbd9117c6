package compact_test

import (
	"fmt"

	"orderflow/domain/compact"
)

// A value is written and read field by field, in the same order.
func Example() {
	data := compact.AppendText(nil, "ada")
	data = compact.AppendNumber(data, -5)
	fmt.Printf("% x\n", data)

	r := compact.NewReader(data)
	name, balance := r.Text(), r.Number()
	fmt.Println(name, balance, r.End())

	r = compact.NewReader(data[:3])
	_ = r.Text()
	fmt.Println(r.End())
	// Output:
	// 03 61 64 61 09
	// ada -5 <nil>
	// ends too early
}
