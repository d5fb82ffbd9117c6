// Package operations writes down who has done what to the service.
//
// A [Recorder] stands before the ports through which operators act, and passes calls on. Before
// each action it writes an entry, and when that fails the action is not done: nothing happens that
// nobody could find out later. An action that fails, or is refused, gets a second entry that says
// so. What only reads is not written down.
//
// Who acts, and why, comes with the context, see [ports.PrincipalOf] and [ports.ReasonOf].
package operations
