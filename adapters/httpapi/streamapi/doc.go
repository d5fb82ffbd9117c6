// Package streamapi has the routes of live streams: server-sent events, or lines of JSON.
//
//	GET /v1/orders/{id}/stream      one order: its history, and then what happens
//	GET /v1/stream                  all orders: from now on, or from a place on
//
// # Frames
//
// A server-sent event has a type, an id if it is an event of an aggregate, and JSON as its data. As
// application/x-ndjson each frame is a line {"event", "id", "data"}, with the same three values.
//
//	event      one event, as a CloudEvent in structured mode
//	caught-up  once, between what was there and what comes: {"id"}
//	reset      events are missing here: {"reason", "from", "to", …}
//	end        the server ends the stream: {"reason": "shutdown", "auth" or "error", …}
//
// The first line of server-sent events is retry:, and a comment comes every 15 seconds when nothing
// else does. A client that has heard nothing for much longer has lost its connection.
//
// # Resuming
//
// Only events have an id, so a browser resumes after the last event that it has seen. Besides,
// there is the id alone, without an event: after caught-up, and after events that did not pass the
// filters. It moves the place from which a browser resumes, and triggers nothing there. So a client
// that was connected and has got no event yet misses nothing. One with a narrow filter does not
// fall out of the feed.
//
// Last-Event-ID wins over last_event_id, which is there because a new EventSource cannot set
// headers. An id that is malformed, of another store, or ahead of the aggregate is answered with
// 400 bad_cursor. A browser stops for good then, as it should.
//
// # Slow clients
//
// While a client does not read, nothing is read for it: there is one page of events in memory,
// about 1 MiB. A write that waits for 30 seconds ends the connection. There is no frame for that,
// because it would not get through either. Nothing is lost, because the client resumes.
//
// # Credentials
//
// A stream ends with the reason auth, and a code, when the credentials of its client expire, and
// within 5 seconds after they were revoked. The same happens when the service cannot know any more
// whether they are accepted.
//
// # Limits
//
// There is a limit for the process and one for each client address. Behind a proxy all clients have
// the address of the proxy. What is above the limit is answered with 503 and Retry-After. The
// timeouts of the server do not apply: each write has its own deadline. When the server stops,
// streams end at once, and tell clients to come back after a random time.
package streamapi
