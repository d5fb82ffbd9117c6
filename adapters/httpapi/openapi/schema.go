package openapi

import (
	"path"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"orderflow/adapters/httpapi/endpoint"
)

// describer makes the parts of a document.
type describer struct {
	registry huma.Registry
	names    map[string]reflect.Type
	// asked are the references of the schemas of request bodies.
	asked []*huma.Schema
}

func newDescriber() *describer {
	d := &describer{names: make(map[string]reflect.Type)}
	d.registry = huma.NewMapRegistry("#/components/schemas/", d.name)
	return d
}

// name returns the name of a type. If two packages use the same one, the name of the package comes
// first.
func (d *describer) name(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if other, taken := d.names[name]; taken && other != t {
		pkg := path.Base(t.PkgPath())
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	d.names[name] = t
	return name
}

// schema describes a document.
func (d *describer) schema(document any) *huma.Schema {
	if s, ok := document.(endpoint.Schema); ok {
		return schema(s)
	}
	return d.registry.Schema(reflect.TypeOf(document), true, "")
}

// refine adds to the members of a type what tags cannot say, if the type is a Describer.
func (d *describer) refine(t reflect.Type, s *huma.Schema) {
	document, ok := reflect.New(t).Interface().(endpoint.Describer)
	if !ok {
		return
	}
	for name, member := range document.Members() {
		tags := s.Properties[name]
		refined := schema(member)
		refined.Description, refined.Examples = tags.Description, tags.Examples
		s.Properties[name] = refined
	}
}

// body describes the body of a request.
func (d *describer) body(document any) *huma.Schema {
	s := d.schema(document)
	d.asked = append(d.asked, s)
	return s
}

// finish adds to all schemas what their types cannot say.
func (d *describer) finish() {
	for name, s := range d.registry.Map() {
		d.refine(d.names[name], s)
		walk(s, func(s *huma.Schema) {
			if s.Type == huma.TypeArray {
				s.Nullable = false
			}
		})
	}
	for _, s := range d.asked {
		d.notNil(s)
	}
}

// notNil excludes the nil UUID from the UUIDs in the schema of a request.
func (d *describer) notNil(s *huma.Schema) {
	if s.Ref != "" {
		s = d.registry.SchemaFromRef(s.Ref)
	}
	walk(s, func(s *huma.Schema) {
		if s.Format == endpoint.FormatUUID {
			s.Not = nilUUID()
		}
	})
}

func nilUUID() *huma.Schema { return &huma.Schema{Enum: []any{uuid.Nil.String()}} }

// walk visits a schema and those within it, and not those that it refers to.
func walk(s *huma.Schema, visit func(*huma.Schema)) {
	if s == nil {
		return
	}
	visit(s)
	walk(s.Items, visit)
	for _, property := range s.Properties {
		walk(property, visit)
	}
}

// asked returns the schema of a parameter.
func asked(s endpoint.Schema) *huma.Schema {
	described := schema(s)
	if s.Format == endpoint.FormatUUID {
		described.Not = nilUUID()
	}
	return described
}

func schema(s endpoint.Schema) *huma.Schema {
	described := &huma.Schema{
		Type: s.Type, Format: s.Format, Pattern: s.Pattern, Enum: s.Enum,
		Minimum: s.Minimum, Maximum: s.Maximum, Default: s.Default, Nullable: s.Nullable,
	}
	for _, one := range s.AnyOf {
		described.AnyOf = append(described.AnyOf, schema(one))
	}
	if s.MinLength > 0 {
		described.MinLength = &s.MinLength
	}
	if s.MaxLength > 0 {
		described.MaxLength = &s.MaxLength
	}
	return described
}
