package shell

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/settings"
)

// BadAnswer is the error of a command that was completed with a bad result.
type BadAnswer struct {
	Text string
	// Status is the exit status. Default: ExitBad.
	Status int
}

func (e *BadAnswer) Error() string { return e.Text }

// UsageError is a mistake in flags, environment, configuration file or arguments.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// usageOf turns an error into a UsageError, unless it asks for help.
func usageOf(err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	return &UsageError{Err: err}
}

// loggedError is an error that has already been logged.
type loggedError struct{ err error }

func (e *loggedError) Error() string { return e.err.Error() }
func (e *loggedError) Unwrap() error { return e.err }

// Bad returns the error of a flag with an invalid value. The text names the value and the accepted
// ones.
func Bad(flag, format string, args ...any) error {
	return &UsageError{Err: &bootstrap.SettingError{Setting: flag, Problem: fmt.Sprintf(format, args...)}}
}

// explainUsage adds to an error about settings where each value comes from: a flag, a variable, or
// a line of a file.
func (sh *Shell) explainUsage(err error) string {
	var lines []string
	var each func(error)
	each = func(err error) {
		var setting *bootstrap.SettingError
		var joined interface{ Unwrap() []error }
		switch {
		case errors.As(err, &joined):
			for _, part := range joined.Unwrap() {
				each(part)
			}
		case errors.As(err, &setting):
			var places []string
			for name := range strings.SplitSeq(setting.Setting, " and ") {
				places = append(places, sh.origins.Of(name))
			}
			lines = append(lines, strings.Join(places, " and ")+": "+setting.Problem)
		default:
			lines = append(lines, err.Error())
		}
	}
	each(err)
	return strings.Join(lines, "\n")
}

// NoArgs refuses arguments. After a command that has subcommands, an argument is the name of an
// unknown one.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if len(names) == 0 {
		return &UsageError{Err: fmt.Errorf("%s: unknown argument %q; it takes none", cmd.CommandPath(), args[0])}
	}
	return &UsageError{Err: fmt.Errorf("%s: unknown argument %q; the nearest command is %s",
		cmd.CommandPath(), args[0], settings.Nearest(args[0], names))}
}

// flagError explains what is wrong with a flag on the command line: its name, its value, and the
// accepted values.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		return fmt.Errorf("%s: there is no flag --%s; the nearest one is --%s", cmd.CommandPath(), unknown.GetSpecifiedName(),
			settings.Nearest(unknown.GetSpecifiedName(), names))
	case errors.As(err, &unknown):
		return fmt.Errorf("%s: there is no flag -%s; a flag with a long name has two hyphens",
			cmd.CommandPath(), unknown.GetSpecifiedShortnames())
	case errors.As(err, &empty):
		return fmt.Errorf("--%s: it needs a value: %s", empty.GetFlag().Name, settings.Takes(empty.GetFlag()))
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s: %w", invalid.GetFlag().Name, settings.Reason(err))
	default:
		return err
	}
}
