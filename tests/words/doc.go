// Package words checks the comments and the Markdown of the repository: how wide lines are, that
// links lead to a file, and that a thing has the same name everywhere.
package words
