// Package eventtest tests deciders and projections by scenarios: given these events, when this
// command comes, then these events follow; given this history, then these rows.
//
//	orders := eventtest.New(t, eventtest.Aggregate[order.Command, order.Order, order.Event]{
//		Type: order.Type, Decider: order.Decider(), Samples: samples(), Codec: orderjson.New(),
//	})
//	orders.Given(created).When(confirm).Then(order.OrderConfirmed{PaymentReference: "pay-1"})
//	orders.Given(created, confirmed).When(update).ThenRefused("order_not_active")
//	orders.Given(created, confirmed).When(confirm).ThenNothing()
//
//	history := eventtest.History(order.Type, id, created, confirmed)
//	eventtest.Project(t, views.OrdersByStatus()).Given(history).Then(row)
//
// Ids and times are fixed, so a failure has the same text in every run. A failing scenario prints
// what was given, the command, what was expected, and one difference.
//
// # What every scenario of an aggregate also checks
//
//   - Decide is pure: the same input twice gives an equal answer, and neither the state nor the
//     command is modified. Events share no memory with the command, so that its sender may use its
//     slices again.
//   - Evolve is total and pure: it takes every sample in every state that the scenario passes
//     through, gives an equal state twice, and does not change the state that it was given. Every
//     event of the scenario must be of a type that the samples have.
//   - With a codec, every event comes back equal from its stored form, and the scenario runs on
//     events that came back.
//   - On the runtime, when it is given, the command has the same outcome, and the same command id a
//     second time gives the same answer and no second event.
//   - With a content function, equal commands have equal content, and different commands of the
//     test have different content.
//
// # What every scenario of a projection also checks
//
//   - Rows fit the table, keys are distinct, and each row is owned by the aggregate whose events it
//     comes from.
//   - Reducing is pure: the same events twice give the same step, and the events are not modified.
//   - A state that is stored after any of the events and continued equals the fold of the whole.
//     Each step puts and deletes all that its events have changed, and nothing else.
//   - Reducing is total: every given event and every sample is taken in every state.
//   - The rows are the same whatever a feed may do: aggregates in any order to each other, records
//     doubled, late, in batches, and lost and filled in. The projection gets what the consumer
//     passes on: the events of one aggregate in sequence, each once.
//
// Test code only: no package of a program imports this package.
package eventtest
