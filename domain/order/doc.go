// Package order is the order aggregate: its commands, its events, and the rules that lead from one to the other.
//
//	CreateOrder ─▶ ACTIVE ─ ConfirmOrder ─▶ CONFIRMED ─ ShipOrder ─▶ SHIPPED ─ DeliverOrder ─▶ DELIVERED
//	                 │                          │
//	                 └────── CancelOrder ───────┴──▶ CANCELLED
//
// While an order is ACTIVE, UpdateItems replaces its lines. [Decide] turns a command into events, [Evolve] applies an event
// to the state. Both are pure functions; together they are the [Decider].
//
// # Refusals
//
// Every refusal is a *[RuleError] with a stable [Code]. Some commands no order could ever accept, such as a quantity of 0:
// those are malformed, and RuleError.Malformed says so. The others are refused by the state that the order is in.
//
// A command that would change nothing is neither: it succeeds and emits no event. So confirming twice with the same payment
// reference is fine, and with another one it is refused. The status counts too: once the order is SHIPPED, confirming it
// again is refused even with the same reference.
//
// # Facts
//
// Evolve never validates. When a rule becomes stricter, orders accepted under the old rule still load.
package order
