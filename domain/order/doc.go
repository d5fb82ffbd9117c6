// Package order is the order aggregate: its commands, its events, and the rules that lead from one to the other.
//
//	             ┌─────────── CancelOrder ──────────┐
//	CreateOrder ─▶ ACTIVE ─ ConfirmOrder ─▶ CONFIRMED ─ ShipOrder ─▶ SHIPPED ─ DeliverOrder ─▶ DELIVERED
//	               UpdateItems                  └─ CancelOrder ─▶ CANCELLED
//
// The file order follows the flow: money and items, commands, [Decide], events, [Evolve]. Both functions are pure; together
// they are the [Decider].
//
// # Refusals
//
// Every refusal is a *[RuleError] with a stable [Code]. Some commands no order could ever accept, such as a quantity of 0:
// those are malformed, and RuleError.Malformed says so. The others are refused by the state that the order is in.
//
// A command that would change nothing is neither: it succeeds and emits no event. So confirming twice with the same payment
// reference is fine, and with another one it is refused.
//
// # Facts
//
// Evolve never validates. When a rule becomes stricter, orders accepted under the old rule still load.
package order
