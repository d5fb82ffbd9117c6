// Package orders is the order service: it runs the order aggregate on the generic runtime, which
// knows no orders.
//
// It is the only package of the application that imports domain/order. Another aggregate type gets
// a package like this one beside it, with a [command.Aggregate] and the projections that its
// queries need.
package orders
