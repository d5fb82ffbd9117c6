package aggregateapi

import (
	"strings"

	"orderflow/adapters/httpapi/endpoint"
	"orderflow/ports"
)

// Kind says which aggregates some routes are about.
type Kind struct {
	// Type is the aggregate type.
	Type string
	// Path is the path of all of them, such as /v1/orders. The path of one of them starts with it.
	Path string
	// IDName is the name of its id in documents and queries, such as order_id.
	IDName string
	// CommandTag and QueryTag are the tags of the operations that change and that read.
	CommandTag, QueryTag string
	// Read and Write are the scopes of those operations.
	Read, Write ports.Scope
}

// noun returns the word for such an aggregate in sentences. id returns that in the ids of
// operations.
func (k Kind) noun() string { return endpoint.Noun(k.Type) }

// a returns the noun with its article.
func (k Kind) a() string {
	if strings.ContainsRune("aeiou", rune(k.noun()[0])) {
		return "an " + k.noun()
	}
	return "a " + k.noun()
}

func (k Kind) id() string { return strings.ReplaceAll(k.noun(), " ", "-") }

// one returns the path of one aggregate, or of something below it.
func (k Kind) one(suffix string) string { return k.Path + "/{" + endpoint.ParamID + "}" + suffix }

func (k Kind) parameter() endpoint.Parameter {
	return endpoint.IDParameter(endpoint.ParamID, "The "+k.noun()+".")
}
