package endpoint

import (
	"net/http"

	"orderflow/ports"
)

// Resource is a part of the API, for example the routes of one aggregate type.
type Resource struct {
	Tags       []Tag
	Operations []Operation
}

// Tag groups operations in the description.
type Tag struct{ Name, Description string }

// Operation is one route: what the description says about it, and what it does.
type Operation struct {
	// ID is unique over all operations.
	ID string
	// Method and Path are those of the route. Parameters of the path are in braces, as in
	// /v1/orders/{id}.
	Method, Path string
	// Scope is the right that a client needs. ports.ScopeOpen stands for none. It is required: an
	// operation without a scope cannot be served.
	Scope ports.Scope
	// Tag is the name of one of the tags of the resource.
	Tag string
	// Summary is one phrase without a period. Description says more, in whole sentences.
	Summary, Description string
	Parameters           []Parameter
	// OtherParameters allows parameters of the query that are not described. They are not looked
	// at.
	OtherParameters bool
	// Rules say which parameters of the query go together.
	Rules []Rule
	// Body is the body of the request. It is nil when none is read.
	Body *Body
	// Answers are the responses when all goes well. Two with the same status have different media
	// types, and the description of the first one. Problems are the statuses of the problems that
	// it can return.
	Answers  []Answer
	Problems []int
	// Unbounded reports whether the operation has no time limit. It ends when the server begins to
	// stop.
	Unbounded bool
	// Rechecked is set for an operation that hands out more and more, for as long as the client
	// stays. It ends when the credentials of the client are not accepted any more.
	Rechecked bool

	// Run serves the request. It is called by many goroutines at once.
	Run func(*Call) (Reply, error)
	// Handler serves the request instead of Run. This package checks the scope, and nothing else.
	Handler http.Handler
}

// Describer is a document that describes some of its members, by their names, where tags are not
// enough. Its schemas replace those of the tags.
type Describer interface{ Members() map[string]Schema }

// Body describes the body of a request.
type Body struct {
	// Document is a value of the type whose fields and tags are the schema, as package openapi
	// says.
	Document any
	Required bool
}

// Answer describes a response when all goes well.
type Answer struct {
	Status      int
	Description string
	// Document is a value of the type of its body. It is nil if there is no body. A [Schema] stands
	// for itself.
	Document any
	// Media is the media type of the body. Default: application/json.
	Media   string
	Headers []Parameter
}

// Where parameters are.
const (
	InPath   = "path"
	InQuery  = "query"
	InHeader = "header"
)

// Parameter is a parameter of an operation, or a header of an answer, as the description shows it.
type Parameter struct {
	Name        string
	In          string // empty in answers
	Description string
	Schema      Schema
	// Must says what is wrong with a value that breaks the pattern of the schema: "must be a
	// duration".
	Must string
	// Code is the code of the problem when the value is wrong. Default: invalid_parameter.
	Code string
	// Example is the value of an example. It may be nil.
	Example any
}

// Types of a [Schema].
const (
	TypeString  = "string"
	TypeInteger = "integer"
	TypeObject  = "object"
)

// Schema says which values are allowed, in the words of JSON Schema. A zero value means that there
// is no such bound.
type Schema struct {
	Type, Format, Pattern string
	Enum                  []any
	// AnyOf are schemas of which at least one must hold, too.
	AnyOf                []Schema
	Minimum, Maximum     *float64
	MinLength, MaxLength int
	Default              any
	// Nullable says that the value may be null, too.
	Nullable bool
}

// Reply is the answer of an operation when nothing went wrong.
type Reply struct {
	// Status is the status of the answer. Default: 200.
	Status int
	// ETag and Location are headers. Empty means that there is none.
	ETag, Location string
	// Body is a document. It may be nil.
	Body any
	// Done is called when the answer was written, or could not be. It may be nil.
	Done func()

	sent bool // it was written already, in parts
}

// MediaJSON is the media type of documents.
const MediaJSON = "application/json"

// OK returns the one answer of an operation whose status is 200.
func OK(description string, document any) []Answer {
	return []Answer{{Status: http.StatusOK, Description: description, Document: document}}
}
