package order_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain/order"
)

func TestTotal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		items []order.Item
		want  order.Money
		ok    bool
	}{
		{"of nothing is 0", nil, 0, true},
		{"is the sum of quantity times price", books(), 2*1250 + 3999, true},
		{"ignores what is free", []order.Item{line("A", 3, 0), line("B", 1, 7)}, 7, true},
		{"ignores a quantity of 0, whatever the price", []order.Item{line("A", 0, math.MaxInt64), line("B", 1, 7)}, 7, true},
		{"may be as large as a Money", []order.Item{line("A", 1, math.MaxInt64)}, math.MaxInt64, true},
		{"fails when a line is larger", []order.Item{line("A", 3, math.MaxInt64/3+1)}, 0, false},
		{"fails when the sum is larger", []order.Item{line("A", 1, math.MaxInt64), line("B", 1, 1)}, 0, false},
		{"fails on a negative quantity", []order.Item{line("A", -1, 1)}, 0, false},
		{"fails on a negative price", []order.Item{line("A", 1, -1)}, 0, false},
		{"fails on two negatives that would cancel out", []order.Item{line("A", math.MinInt64, -1)}, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got, ok := order.Total(tt.items); got != tt.want || ok != tt.ok {
				t.Errorf("got %d, %v, want %d, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

// The sum in 64 bits must equal the sum in unlimited arithmetic.
func TestTotal_PropEqualsUnboundedArithmetic(t *testing.T) {
	t.Parallel()
	item := rapid.Custom(func(t *rapid.T) order.Item {
		amount := rapid.OneOf(rapid.Int64Range(0, 100), rapid.Int64Range(0, math.MaxInt64), rapid.SampledFrom([]int64{math.MaxInt64, math.MaxInt64 / 2, -1}))
		return line("A", amount.Draw(t, "quantity"), order.Money(amount.Draw(t, "unit price")))
	})
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SliceOfN(item, 0, 5).Draw(t, "items")
		want, negative := new(big.Int), false
		for _, it := range items {
			negative = negative || it.Quantity < 0 || it.UnitPrice < 0
			want.Add(want, new(big.Int).Mul(big.NewInt(it.Quantity), big.NewInt(int64(it.UnitPrice))))
		}
		got, ok := order.Total(items)
		if fits := !negative && want.IsInt64(); ok != fits || (ok && int64(got) != want.Int64()) || (!ok && got != 0) {
			t.Fatalf("got %d, %v, want %v, %v", got, ok, want, fits)
		}
	})
}

func TestCurrency_Valid(t *testing.T) {
	t.Parallel()
	for _, c := range []order.Currency{"AED", "EUR", "USD", "JPY", "XOF", "XCG", "ZWG"} {
		if !c.Valid() {
			t.Errorf("%q is refused", c)
		}
	}
	for _, c := range []order.Currency{
		"", " ", "   ", "E", "EU", "EURO", "eur", "Eur", " EU", "UR ", "D A", "EUR ", // not a code
		// not a code, or not of a circulating currency
		"ABC", "DEM", "ANG", "ZWL", "XAU", "XXX", "XTS", "CHW", "BTC",
	} {
		if c.Valid() {
			t.Errorf("%q is accepted", c)
		}
	}
}

// Valid searches a string for a substring of three letters, so no other string may be accepted.
func TestCurrency_ValidAcceptsNothingButCodes(t *testing.T) {
	t.Parallel()
	valid := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			for c := 'A'; c <= 'Z'; c++ {
				if order.Currency([]rune{a, b, c}).Valid() {
					valid++
				}
			}
		}
	}
	if want := 156; valid != want {
		t.Errorf("%d strings of three letters are accepted, want the %d codes of the list", valid, want)
	}
}
