// Package portkit holds what several implementations of the ports would otherwise repeat.
//
// It has a gate that counts the calls inside of a component, so that Close can wait for them ([Gate]); the cursors of
// listings ([CursorAt], [PlaceOf]) and the check of their limits ([CheckLimit]); a wait that a context ends ([Sleep]); and
// a call whose panic becomes an error ([Protect]). For default values use [cmp.Or].
//
// It knows no library of any vendor. Everything in it is safe for concurrent use.
package portkit
