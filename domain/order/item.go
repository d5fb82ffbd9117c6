package order

import (
	"math"
	"strings"
)

// The limits of an order.
const (
	MaxItems    = 1_000
	MaxQuantity = 10_000
	MaxSKU      = 64
)

// Money is an amount in minor units of the order's currency (cents for EUR, yen for JPY).
type Money int64

// Item is one line of an order.
type Item struct {
	// SKU names the article: 1 to 64 characters of A-Z, a-z, 0-9, dot, underscore and hyphen. An
	// order has one line a SKU.
	SKU string `personal:"no"`
	// Quantity is 1 to 10,000.
	Quantity int64
	// UnitPrice is not negative.
	UnitPrice Money
}

// Total returns the sum of quantity times unit price over items. When the sum does not fit into a
// Money, or when a quantity or a price is negative, ok is false and total is 0. Total does not
// check the other limits of an [Item].
func Total(items []Item) (total Money, ok bool) {
	for _, item := range items {
		if item.Quantity < 0 || item.UnitPrice < 0 {
			return 0, false
		}
		if item.Quantity != 0 && item.UnitPrice > math.MaxInt64/Money(item.Quantity) {
			return 0, false
		}
		line := Money(item.Quantity) * item.UnitPrice
		if line > math.MaxInt64-total {
			return 0, false
		}
		total += line
	}
	return total, true
}

// Currency is an ISO 4217 alphabetic code.
type Currency string

// Valid reports whether c is the code of a circulating currency (ISO 4217 list one, 2025, without
// funds and precious metals).
func (c Currency) Valid() bool {
	return len(c) == 3 && !strings.Contains(string(c), " ") && strings.Contains(currencies, string(c))
}

// Currencies returns the valid codes in alphabetic order.
func Currencies() []Currency {
	var codes []Currency
	for _, code := range strings.Fields(currencies) {
		codes = append(codes, Currency(code))
	}
	return codes
}

// The spaces prevent a match across two neighbouring codes.
const currencies = " AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF" +
	" CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR" +
	" ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP" +
	" MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG" +
	" SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST" +
	" XAF XCD XCG XOF XPF YER ZAR ZMW ZWG "
