// Package console serves the pages for people: the console at /ui/, and the description of the API
// at /ui/api/.
//
// The console is a set of static files that a browser runs. It is a client of the public API and of
// nothing else, so whatever it shows or does can also be shown or done with curl. Every view has a
// URL.
//
// # Written with the platform
//
// The files are ES modules, custom elements, SVG and CSS as browsers understand them. Nothing
// builds them, and none of them is by others. html.js is the whole of the rendering: it describes
// nodes and changes what differs. The other modules are one for each page, and a few that the pages
// share:
//
//	app.js      the frame: routes, navigation, keyboard, theme
//	html.js     h() and render()
//	api.js      requests with a deadline, problems
//	watch.js    what is polled, and the last five minutes of it
//	live.js     event streams
//	access.js   what is refused, and the token of the visitor
//	model.js    the state of the consumers, which most pages show
//	parts.js    parts that pages share: times, ids, dialogs, command lines
//	format.js   how numbers, times and money look
//
// A browser of 2025 or newer is needed.
//
// # Security
//
// The Content-Security-Policy allows only files of this service: no inline code, no inline styles,
// and no text that becomes markup (require-trusted-types-for). The page with the API's description
// is code of Swagger UI, from the Go module swgui. It has a policy of its own, as it sets styles
// and markup from code. Neither page can be framed.
//
// The pages need no rights. What a visitor may read or do is decided by the API. A visitor can
// paste a token. It is kept in the sessionStorage of the tab, until the tab is closed or the
// visitor forgets it, and it is sent in the Authorization header of requests and streams. What the
// API refuses is shown with the scope that is missing, and never as 0.
//
// # Caching
//
// Every file has an ETag made of its content, and browsers ask each time whether it has changed. So
// an open page and its files are never of two versions for longer than one load.
//
// # Size
//
// Most lines of this package are JavaScript and CSS. They are here and not in a package of their
// own because go:embed takes files of its own folder only. The Go code is the handler.
package console
