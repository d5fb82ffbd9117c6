package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Rule says how a flag is remembered. A flag without a rule concerns one process and not the data,
// so it is not remembered.
type Rule struct {
	// Binding flags decide what happens to the data and where events are published. A tool must use
	// the same values as the service. The other flags only affect speed.
	Binding bool
	// Canonical turns a value into one that means the same in every working directory. It is nil
	// when every value does.
	Canonical func(value string) string
}

// Rules has the rule of each remembered flag, by its name.
type Rules map[string]Rule

const (
	// servedName is the name of the file in a data directory with the settings that it was last
	// served with.
	servedName = "SETTINGS"
	// servedFormat is the version of its format: an object with the format and the settings. A
	// value is a text, or a list of texts for flags that take a list.
	servedFormat = 1
)

// Served holds the settings that a data directory was last served with.
type Served struct {
	path     string
	settings map[string]values
}

// servedFile is the content of the file.
type servedFile struct {
	Format   int               `json:"format"`
	Settings map[string]values `json:"settings"`
}

// values holds the value of a flag, or its list of values.
type values struct {
	list bool
	text []string // one text, unless it is a list
}

// MarshalJSON implements json.Marshaler.
func (v values) MarshalJSON() ([]byte, error) {
	if v.list {
		return json.Marshal(append([]string{}, v.text...))
	}
	return json.Marshal(v.text[0])
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *values) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*v = values{text: []string{one}}
		return nil
	}
	v.list = true
	return json.Unmarshal(data, &v.text)
}

func (v values) String() string { return strings.Join(v.text, ",") }

// valuesOf returns the value of a flag in the form in which it is remembered.
func valuesOf(flag *pflag.Flag, rule Rule) values {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		return values{list: true, text: list.GetSlice()}
	}
	value := flag.Value.String()
	if rule.Canonical != nil {
		value = rule.Canonical(value)
	}
	return values{text: []string{value}}
}

// Remember stores the flags that have a rule, for later commands. The caller owns the directory.
// After a crash the file is the old one or the new one.
func Remember(dir string, flags *pflag.FlagSet, rules Rules) error {
	file := servedFile{Format: servedFormat, Settings: map[string]values{}}
	flags.VisitAll(func(f *pflag.Flag) {
		if rule, ok := rules[f.Name]; ok {
			file.Settings[f.Name] = valuesOf(f, rule)
		}
	})
	content, err := json.MarshalIndent(file, "", "  ")
	if err == nil {
		err = writeFile(dir, servedName, append(content, '\n'))
	}
	if err != nil {
		return fmt.Errorf("remember the settings: %w", err)
	}
	return nil
}

// Recall reads what Remember has stored. The error is fs.ErrNotExist when the directory was never
// served, or only by a version that stored no settings.
func Recall(dir string) (*Served, error) {
	s := &Served{path: filepath.Join(dir, servedName)}
	content, err := os.ReadFile(s.path)
	if err != nil {
		return nil, fmt.Errorf("recall the settings: %w", err)
	}
	var file servedFile
	switch err := json.Unmarshal(content, &file); {
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w; %s", s.path, err, serveAgain)
	case file.Format != servedFormat:
		return nil, fmt.Errorf("%s has format %d, and this version of the program knows format %d; %s",
			s.path, file.Format, servedFormat, serveAgain)
	}
	s.settings = file.Settings
	return s, nil
}

// serveAgain says what to do when the file cannot be used.
const serveAgain = "'orderflow serve' writes it again"

// Check refuses binding flags whose given value differs from the one that the directory was last
// served with.
func (s *Served) Check(flags *pflag.FlagSet, rules Rules, origins Origins) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		rule := rules[f.Name]
		served, known := s.settings[f.Name]
		if !f.Changed || !rule.Binding || !known {
			return
		}
		if given := valuesOf(f, rule); !slices.Equal(given.text, served.text) {
			errs = append(errs, fmt.Errorf("%s is %q, but the data was last served with %s %q: leave it out to work as the service does, or serve with it once",
				origins.Of(f.Name), given, f.Name, served))
		}
	})
	return errors.Join(errs...)
}

// Fill sets every flag that has a rule and no given value to the value that the directory was last
// served with.
func (s *Served) Fill(flags *pflag.FlagSet, rules Rules, origins Origins) error {
	for name, served := range s.settings {
		flag := flags.Lookup(name)
		if _, ok := rules[name]; !ok || flag == nil {
			return fmt.Errorf("%s has a setting that this version of the program does not know: %s; %s",
				s.path, name, serveAgain)
		}
		if flag.Changed {
			continue
		}
		if err := served.assign(flags, flag); err != nil {
			return fmt.Errorf("%s: %s: %w; %s", s.path, name, Reason(err), serveAgain)
		}
		origins[name] = s.path + ": " + name
	}
	return nil
}

func (v values) assign(flags *pflag.FlagSet, flag *pflag.Flag) error {
	if v.list {
		return setting{isList: true, values: v.text}.assign(flags, flag)
	}
	return flags.Set(flag.Name, v.text[0])
}

// writeFile writes a file in dir atomically and durably.
func writeFile(dir, name string, content []byte) error {
	path := filepath.Join(dir, name)
	file, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = file.Chmod(0o600) // the file may be left over from a crash
	if err == nil {
		_, err = file.Write(content)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
