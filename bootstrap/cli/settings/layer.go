package settings

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envPrefix begins the name of every environment variable: --log-level is ORDERFLOW_LOG_LEVEL.
const envPrefix = "ORDERFLOW_"

// ConfigFlag names the flag that names the configuration file.
const ConfigFlag = "config"

// Origins holds where the values of flags come from, by the names of the flags.
type Origins map[string]string

// Of names the origin of a flag's value: the flag itself, an environment variable, or a line of a
// file.
func (o Origins) Of(flag string) string {
	if origin := o[flag]; origin != "" {
		return origin
	}
	return "--" + flag
}

// Layer fills in the flags of cmd that the command line left out: from the environment, which is a
// list of NAME=VALUE, and otherwise from the configuration file. Every error is a mistake of the
// user.
func Layer(cmd *cobra.Command, environ []string) (Origins, error) {
	env := ours(environ)
	l := layering{flags: cmd.Flags(), known: known(cmd.Root()), origins: Origins{}}
	if err := l.checkEnvironment(env); err != nil {
		return nil, err
	}
	// The environment may name the file, and it wins over the file.
	if err := l.environment(env); err != nil {
		return nil, err
	}
	path := cmd.Flag(ConfigFlag).Value.String()
	if path == "" {
		return l.origins, nil
	}
	file, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return l.origins, l.file(path, file)
}

// layering is one call of Layer.
type layering struct {
	flags *pflag.FlagSet
	// known holds the names of the flags of all commands: a setting of another command is no
	// mistake.
	known   []string
	origins Origins
}

// known returns the names of all settings, sorted, without the flags for help.
func known(root *cobra.Command) []string {
	names := map[string]bool{}
	eachCommand(root, func(c *cobra.Command) {
		add := func(f *pflag.Flag) { names[f.Name] = true }
		c.Flags().VisitAll(add)
		c.PersistentFlags().VisitAll(add)
	})
	for _, name := range []string{"help", "help-all", "version"} {
		delete(names, name)
	}
	return slices.Sorted(maps.Keys(names))
}

func eachCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		eachCommand(sub, visit)
	}
}

// variable returns the name of the environment variable of a flag.
func variable(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// kubernetes matches the variables that Kubernetes adds to every container of a namespace for a
// service whose name begins with "orderflow". testing matches the variables of our own tests.
// Neither is a mistake of the user.
var (
	kubernetes = regexp.MustCompile(`^ORDERFLOW_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)
	testing    = regexp.MustCompile(`^ORDERFLOW_TEST_`)
	// secret matches the variables with secrets, for which there are no flags.
	secret = regexp.MustCompile(`^ORDERFLOW_(TOKEN|OIDC_CLIENT_SECRET|SESSION_KEY)$`)
)

// ours returns the variables of an environment that are meant for this program, by name.
func ours(environ []string) map[string]string {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, envPrefix) {
			env[name] = value
		}
	}
	return env
}

func (l *layering) checkEnvironment(env map[string]string) error {
	variables := make([]string, len(l.known))
	for i, name := range l.known {
		variables[i] = variable(name)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !slices.Contains(variables, name) && !kubernetes.MatchString(name) && !testing.MatchString(name) &&
			!secret.MatchString(name) {
			errs = append(errs, fmt.Errorf("the environment variable %s is no setting; the nearest one is %s",
				name, Nearest(name, variables)))
		}
	}
	return errors.Join(errs...)
}

func (l *layering) environment(env map[string]string) error {
	var errs []error
	l.flags.VisitAll(func(f *pflag.Flag) {
		name := variable(f.Name)
		value, ok := env[name]
		if f.Changed || !ok || !slices.Contains(l.known, f.Name) {
			return
		}
		if err := l.flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, Reason(err)))
		}
		l.origins[f.Name] = name
	})
	return errors.Join(errs...)
}

func (l *layering) file(path string, file []setting) error {
	var errs []error
	for _, s := range file {
		where := fmt.Sprintf("%s:%d: %s", path, s.line, s.name)
		if !slices.Contains(l.known, s.name) {
			errs = append(errs, fmt.Errorf("%s:%d: unknown setting %q; the nearest one is %s",
				path, s.line, s.name, Nearest(s.name, l.known)))
			continue
		}
		if s.name == ConfigFlag {
			errs = append(errs, fmt.Errorf("%s: a configuration file cannot name another one", where))
			continue
		}
		flag := l.flags.Lookup(s.name)
		if flag == nil || flag.Changed {
			continue
		}
		if err := s.assign(l.flags, flag); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, Reason(err)))
		}
		l.origins[s.name] = path + ": " + s.name
	}
	return errors.Join(errs...)
}

// Reason rewrites an error of pflag about an invalid value in plain words.
func Reason(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("%s is too large or too small", invalid.GetValue())
	}
	return fmt.Errorf("%q is not %s", invalid.GetValue(), Takes(invalid.GetFlag()))
}

// Takes describes the values that a flag accepts.
func Takes(flag *pflag.Flag) string {
	if one, ok := flag.Value.(interface{ Choices() []string }); ok {
		return "one of " + strings.Join(one.Choices(), ", ")
	}
	switch flag.Value.Type() {
	case "duration":
		return "a duration such as 90s, 15m or 24h"
	case "bool":
		return "true or false"
	case "float64":
		return "a number"
	case "int", "int16", "int32", "int64":
		return "a whole number"
	case "uint", "uint16", "uint32", "uint64":
		return "a whole number that is not negative"
	case "stringToInt":
		return "a list such as dc1=3,dc2=3"
	default:
		return "a " + flag.Value.Type()
	}
}

// Reread returns what the configuration file now says about a flag, or the default when it says
// nothing. It returns an error when there is no file, and when something that wins over the file
// sets the flag.
func Reread(cmd *cobra.Command, origins Origins, flag string) (string, error) {
	path := cmd.Flag(ConfigFlag).Value.String()
	if path == "" {
		return "", errors.New("there is no --config file")
	}
	if origin := origins[flag]; cmd.Flag(flag).Changed && origin != path+": "+flag {
		return "", fmt.Errorf("%s is set by %s, which wins over %s", flag, origins.Of(flag), path)
	}
	file, err := readFile(path)
	if err != nil {
		return "", err
	}
	for _, s := range file {
		if s.name == flag && !s.isList {
			return s.value, nil
		}
	}
	return cmd.Flag(flag).DefValue, nil
}
