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
//	access.js   who the visitor is, the login, and what is refused
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
// The pages need no rights. What a visitor may read or do is decided by the API. A visitor logs in
// with a token, which is sent once, or at the identity provider. After that the browser has a
// session in a cookie that no script can read, so a page has nothing that could be stolen from it.
// What the scopes do not allow is disabled, with the reason beside it, and the API refuses it
// anyway. What the API refuses is shown with the scope that is missing, and never as 0.
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
