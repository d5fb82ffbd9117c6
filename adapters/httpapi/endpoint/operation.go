package endpoint

import "net/http"

// Resource is a part of the API: the routes of one aggregate type, say.
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
	// Tag is the name of one of the tags of the resource.
	Tag string
	// Summary is one phrase without a period, Description more of it in whole sentences.
	Summary, Description string
	Parameters           []Parameter
	// Rules say which parameters of the query go together.
	Rules []Rule
	// Body is that of the request; nil when none is read.
	Body *Body
	// Answers are the responses when all goes well, Problems the statuses of the problems that it
	// can end in.
	Answers  []Answer
	Problems []int
	// Unbounded operations take as long as they take: no limit of the server applies. They end when
	// the server begins to stop.
	Unbounded bool

	// Run serves the request. It is called by many goroutines at once.
	Run func(*Call) (Reply, error)
	// Handler serves it instead, without any of the checks of this package.
	Handler http.Handler
}

// Describer is a document that says of some members, by their names, what their tags cannot. Its
// schemas take the place of those of the tags.
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
	// Document is a value of the type of its body; nil for none. A [Schema] stands for itself.
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
	// Code is that of the problem of a wrong value. Default: invalid_parameter.
	Code string
	// Example is the value of an example; nil for none.
	Example any
}

// Types of a [Schema].
const (
	TypeString  = "string"
	TypeInteger = "integer"
	TypeObject  = "object"
)

// Schema says which values there are, in the words of JSON Schema. Zero values stand for no such
// bound.
type Schema struct {
	Type, Format, Pattern string
	Enum                  []any
	// AnyOf are schemas of which one must be kept, too.
	AnyOf                []Schema
	Minimum, Maximum     *float64
	MinLength, MaxLength int
	Default              any
}

// Reply is what an operation answers when nothing went wrong.
type Reply struct {
	// Status is that of the answer. Default: 200.
	Status int
	// ETag and Location are headers; empty for none.
	ETag, Location string
	// Body is a document; nil for none.
	Body any

	sent bool // it was written already, piece by piece
}

// MediaJSON is the media type of documents.
const MediaJSON = "application/json"

// OK is the one answer of an operation whose status is 200.
func OK(description string, document any) []Answer {
	return []Answer{{Status: http.StatusOK, Description: description, Document: document}}
}
