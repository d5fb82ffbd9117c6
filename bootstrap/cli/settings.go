package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// envPrefix begins the name of every environment variable: --log-level is ORDERFLOW_LOG_LEVEL.
const envPrefix = "ORDERFLOW_"

// configFlag names the flag that names the configuration file.
const configFlag = "config"

// layer fills in the flags of cmd that the command line left out: from the environment, else from the configuration file.
// So flags, environment and file say the same things under the same names, and the nearest to the user wins.
func layer(cmd *cobra.Command, env func(string) (string, bool)) error {
	if err := fromEnvironment(cmd.Flags(), env, func(f *pflag.Flag) bool { return f.Name == configFlag }); err != nil {
		return err
	}
	file, err := readConfig(cmd)
	if err != nil {
		return err
	}
	if err := fromEnvironment(cmd.Flags(), env, func(*pflag.Flag) bool { return true }); err != nil {
		return err
	}
	known := map[string]bool{}
	eachCommand(cmd.Root(), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
		c.PersistentFlags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	})
	for _, name := range slices.Sorted(maps.Keys(file)) {
		if !known[name] {
			return fmt.Errorf("%s: unknown setting %q", cmd.Flag(configFlag).Value, name)
		}
		if flag := cmd.Flags().Lookup(name); flag != nil && !flag.Changed {
			if err := cmd.Flags().Set(name, fmt.Sprint(file[name])); err != nil {
				return fmt.Errorf("%s: %s: %w", cmd.Flag(configFlag).Value, name, err)
			}
		}
	}
	return nil
}

func fromEnvironment(flags *pflag.FlagSet, env func(string) (string, bool), which func(*pflag.Flag) bool) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || !which(f) {
			return
		}
		name := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, ok := env(name); ok {
			if err := flags.Set(f.Name, value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	return errors.Join(errs...)
}

// readConfig reads the file that --config names: YAML, one setting a line, named like the flags. Without the flag there is no
// file; a file that was named and is not there is an error.
func readConfig(cmd *cobra.Command) (map[string]any, error) {
	path := cmd.Flag(configFlag).Value.String()
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("--config: there is no file %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	var settings map[string]any
	if err := yaml.Unmarshal(text, &settings); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for name, value := range settings {
		switch value.(type) {
		case string, int, float64, bool:
		default:
			return nil, fmt.Errorf("%s: %s: must be one value", path, name)
		}
	}
	return settings, nil
}

func eachCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		eachCommand(sub, visit)
	}
}
