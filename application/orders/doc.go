// Package orders is the order service: it puts the order aggregate on the runtime, which knows no order.
//
// It is the only package of the application that imports domain/order. A service with another aggregate has a package
// like this one beside it: a [command.Aggregate], and the projections that its reads need.
package orders
