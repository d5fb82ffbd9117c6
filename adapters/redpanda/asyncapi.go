package redpanda

import (
	_ "embed"
	"slices"
)

//go:embed asyncapi.yaml
var asyncAPI []byte

// AsyncAPI returns the description of the topic for the services that consume it: an AsyncAPI 3
// document in YAML.
func AsyncAPI() []byte { return slices.Clone(asyncAPI) }
