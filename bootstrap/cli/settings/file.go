package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// setting is one setting of the configuration file.
type setting struct {
	name string
	line int
	// value is the value of a setting that has one. values are those of a list.
	value  string
	values []string
	isList bool
}

// readFile reads a configuration file: one YAML document, which maps names of settings to a value,
// a list of values, or a map of them.
func readFile(path string) ([]setting, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--config: there is no file %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	documents := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	switch err := documents.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	switch err := documents.Decode(&second); {
	case err == nil:
		return nil, fmt.Errorf("%s:%d: a second document begins here, and a configuration file has one", path, second.Line)
	case !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return readSettings(path, document.Content[0])
}

func readSettings(path string, root *yaml.Node) ([]setting, error) {
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: the file must map names of settings to values, such as log-level: debug",
			path, root.Line)
	}
	var all []setting
	var errs []error
	for i := 0; i < len(root.Content); i += 2 {
		name, value := root.Content[i], root.Content[i+1]
		s, err := readSetting(name, value)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %s: %w", path, name.Line, name.Value, err))
			continue
		}
		if at := slices.IndexFunc(all, func(other setting) bool { return other.name == s.name }); at >= 0 {
			errs = append(errs, fmt.Errorf("%s:%d: %s is given twice, in line %d, too", path, s.line, s.name, all[at].line))
			continue
		}
		all = append(all, s)
	}
	return all, errors.Join(errs...)
}

func readSetting(name, value *yaml.Node) (setting, error) {
	s := setting{name: name.Value, line: name.Line}
	if name.Kind != yaml.ScalarNode {
		return s, errors.New("the name of a setting is a text")
	}
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	var err error
	switch value.Kind {
	case yaml.SequenceNode:
		s.isList = true
		for _, element := range value.Content {
			text, textErr := textOf(element)
			s.values, err = append(s.values, text), errors.Join(err, textErr)
		}
	case yaml.MappingNode: // such as the copies for each data centre
		s.isList = true
		for i := 0; i < len(value.Content); i += 2 {
			key, keyErr := textOf(value.Content[i])
			text, textErr := textOf(value.Content[i+1])
			s.values, err = append(s.values, key+"="+text), errors.Join(err, keyErr, textErr)
		}
	default:
		s.value, err = textOf(value)
	}
	return s, err
}

// textOf returns a value as it is written.
func textOf(node *yaml.Node) (string, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case node.Kind != yaml.ScalarNode:
		return "", fmt.Errorf("line %d: one value was expected", node.Line)
	case node.Tag == "!!null":
		return "", fmt.Errorf(`line %d: there is no value; an empty one is written ""`, node.Line)
	default:
		return node.Value, nil
	}
}

// assign gives the value to a flag.
func (s setting) assign(flags *pflag.FlagSet, flag *pflag.Flag) error {
	if !s.isList {
		return flags.Set(flag.Name, s.value)
	}
	list, ok := flag.Value.(pflag.SliceValue)
	if !ok {
		if strings.HasPrefix(flag.Value.Type(), "stringTo") {
			return flags.Set(flag.Name, strings.Join(s.values, ","))
		}
		return fmt.Errorf("it takes one value, and the file has a list")
	}
	if err := list.Replace(s.values); err != nil {
		return err
	}
	flag.Changed = true
	return nil
}
