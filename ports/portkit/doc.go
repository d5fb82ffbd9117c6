// Package portkit holds code that several implementations of the ports need.
//
//   - [Gate] counts the calls that are inside a component, so that Close can wait for them.
//   - [CursorAt] and [PlaceOf] make and read the cursors of listings. [CheckLimit] checks their
//     limits.
//   - [Sleep] waits until a time is over or a context ends.
//   - [Protect] turns a panic into an error.
//   - [AppendUUID] appends an id as a text.
//   - [Recent] holds the values that were used last, within a bound.
//
// For default values use [cmp.Or]. The package uses no vendor's library. Everything in it is safe
// for concurrent use.
package portkit
