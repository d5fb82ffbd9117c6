package eventsourcing

// Erased is the text in events, states and rows in place of a personal text that was erased. It
// begins with the control character SUBSTITUTE (U+001A). A domain refuses control characters in
// personal texts, so no command can write it, and it is never mistaken for a text that is empty.
// APIs show it as null.
const Erased = "\x1aerased"
