package shell

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"
)

// Output is how a command prints its result. It is the value of --output.
type Output struct {
	format string
	given  bool
}

const (
	outputTable = "table"
	outputJSON  = "json"
)

var errOutput = errors.New("there is no such output")

// OutputFlag adds --output to a command. documents says what the command prints as JSON, for its
// help.
func OutputFlag(cmd *cobra.Command, documents string) *Output {
	o := &Output{format: outputTable}
	cmd.Flags().VarP(o, "output", "o", "table, or json: "+documents)
	Values(cmd, "output", o.Choices()...)
	return o
}

// OldJSONFlag adds --json, which a command had before it had --output. It is not shown any more.
func OldJSONFlag(cmd *cobra.Command, o *Output) {
	old := cmd.Flags().VarPF((*oldJSON)(o), "json", "", "the same as --output=json")
	old.NoOptDefVal, old.Hidden = "true", true
}

// JSON reports whether the result is printed as JSON.
func (o *Output) JSON() bool { return o.format == outputJSON }

// Set implements pflag.Value.
func (o *Output) Set(value string) error {
	if value != outputTable && value != outputJSON {
		return errOutput
	}
	o.format, o.given = value, true
	return nil
}

// Given reports whether the user has chosen an output.
func (o *Output) Given() bool { return o.given }

// String implements pflag.Value.
func (o *Output) String() string { return o.format }

// Type implements pflag.Value.
func (o *Output) Type() string { return "format" }

// Choices returns the values that the flag takes.
func (o *Output) Choices() []string { return []string{outputTable, outputJSON} }

// oldJSON is an Output as the value of --json.
type oldJSON Output

// Set implements pflag.Value.
func (o *oldJSON) Set(value string) error {
	switch value {
	case "true":
		o.format = outputJSON
	case "false":
		o.format = outputTable
	default:
		return errOutput
	}
	o.given = true
	return nil
}

// String implements pflag.Value.
func (o *oldJSON) String() string {
	if o.format == outputJSON {
		return "true"
	}
	return "false"
}

// Type implements pflag.Value.
func (o *oldJSON) Type() string { return "bool" }

// PrintJSON prints a document, indented, with a line end.
func (sh *Shell) PrintJSON(document any) error {
	encoder := json.NewEncoder(sh.Out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}
