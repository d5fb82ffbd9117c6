// Package rehearse runs the decider, the upcasters and the reducers of this program over histories
// that another program has written, and reports what differs. So one knows before a deployment what
// the new program makes of the old data.
//
// # What is compared
//
//   - Payloads: every event is decoded. One that cannot be read would halt every consumer.
//   - Decisions: the command is derived from the events that it caused, and decided again on the
//     state before it. A command that would be refused now, or would cause other events, is
//     reported. It is no error: rules may change, and what was decided stays.
//   - Rows, where the source has views: each view is compared with a fold of the events by the
//     reducer of this program. Rows of a reducer with another version are expected to differ,
//     because the view will be filled again. With the same version a difference is an error: nobody
//     would fill the view again.
//
// Keys of personal data are not at hand: copies do not have them. A command with sealed data is
// not decided again, and its events are folded as if the data had been erased. No view is compared
// then.
//
// A command that caused no event was not stored, so it is not decided again. After an event that
// cannot be read, the later commands of its aggregate are counted and not decided.
//
// # Memory
//
// It holds the state of one aggregate and the events of one command. A finding is counted for each
// kind and shown once, with up to 100 kinds of each sort.
package rehearse
