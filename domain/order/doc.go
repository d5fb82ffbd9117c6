// Package order is the order aggregate: its commands, its events, and the rules between them.
//
//	CreateOrder ─▶ ACTIVE ─ ConfirmOrder ─▶ CONFIRMED ─ ShipOrder ─▶ SHIPPED
//	                 │                          │                     │
//	                 └────── CancelOrder ───────┴──▶ CANCELLED        └─ DeliverOrder ─▶ DELIVERED
//
// While an order is ACTIVE, UpdateItems replaces its lines. [Decide] turns a command into events,
// and [Evolve] applies an event to the state. Both are pure functions. Together they are the
// [Decider].
//
// # Refusals
//
// Every refusal is a *[RuleError] with a stable [Code]. Some commands are malformed: no order could
// ever accept them, for example a quantity of 0. RuleError.Malformed returns true for these. The
// other refusals depend on the state of the order.
//
// A command that would change nothing is not refused. It succeeds and emits no event. So a second
// confirmation with the same payment reference succeeds, and one with another reference is refused.
// The status counts as well: when the order is SHIPPED, another confirmation is refused even with
// the same reference.
//
// # Facts
//
// Evolve never validates. When a rule becomes stricter, orders that were accepted under the old
// rule can still be loaded.
package order
