package aggregateapi

import (
	"strings"

	"orderflow/adapters/httpapi/endpoint"
)

// Kind says which aggregates some routes are about.
type Kind struct {
	// Type is the aggregate type.
	Type string
	// Path is that of all of them, such as /v1/orders. One of them is below it.
	Path string
	// IDName is how documents and queries call the id of one, such as order_id.
	IDName string
	// CommandTag and QueryTag are the tags of the operations that change and that read.
	CommandTag, QueryTag string
}

// noun is how sentences call such an aggregate, id how the ids of operations do.
func (k Kind) noun() string { return endpoint.Noun(k.Type) }

// a is the noun with its article.
func (k Kind) a() string {
	if strings.ContainsRune("aeiou", rune(k.noun()[0])) {
		return "an " + k.noun()
	}
	return "a " + k.noun()
}

func (k Kind) id() string { return strings.ReplaceAll(k.noun(), " ", "-") }

// one is the path of one aggregate, or of something below it.
func (k Kind) one(suffix string) string { return k.Path + "/{" + endpoint.ParamID + "}" + suffix }

func (k Kind) parameter() endpoint.Parameter {
	return endpoint.IDParameter(endpoint.ParamID, "The "+k.noun()+".")
}
