// Package browser runs the console in a real browser, against the real binary.
//
// The browser is the first of these: the one that CHROME_URL names by the address of its debugger
// (ws://host:port), the program that CHROME_BIN names, or one on the PATH, such as Debian's
// chromium. Without one, or with CHROME_BIN=none, the tests are skipped and say so; with
// REQUIRE_INTEGRATION=1 they fail instead.
//
//	AXE_CORE         the file axe.min.js of the npm package axe-core. Without it, the check of
//	                 accessibility is skipped. scripts/check browser fetches it
//	BROWSER_SHOTS    a folder. Screenshots of every page are written to it, and otherwise not made
//
// Every page that a test opens is watched: an exception in its code, or something that its
// Content-Security-Policy blocks, fails the test.
//
// Where a test needs a state that a healthy service does not have, a proxy in front of the service
// answers some of the requests. Everything else comes from the service.
package browser
