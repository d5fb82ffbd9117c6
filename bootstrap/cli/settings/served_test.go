package settings_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"orderflow/bootstrap/cli/settings"
)

// servedFlags returns flags of every kind, with the given ones set.
func servedFlags(t *testing.T, args ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.String("sink", "", "")
	flags.String("data", "data", "")
	flags.StringSlice("brokers", nil, "")
	flags.Duration("retention", 24*time.Hour, "")
	flags.Int("lanes", 32, "")
	flags.Bool("redpanda-tls", false, "")
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return flags
}

func rules() settings.Rules {
	return settings.Rules{
		"sink":         {Binding: true, Canonical: func(sink string) string { return strings.ReplaceAll(sink, "./", "/here/") }},
		"brokers":      {Binding: true},
		"retention":    {Binding: true},
		"redpanda-tls": {Binding: true},
		"lanes":        {},
	}
}

func text(flags *pflag.FlagSet) map[string]string {
	all := map[string]string{}
	flags.VisitAll(func(f *pflag.Flag) { all[f.Name] = f.Value.String() })
	return all
}

func TestServed(t *testing.T) {
	t.Parallel()
	served := []string{"--sink=file:./x", "--data=elsewhere", "--brokers=a:1,b:2", "--brokers=\"c,d\"", "--retention=36h", "--lanes=3", "--redpanda-tls"}
	remember := func(t *testing.T) (dir string, s *settings.Served) {
		t.Helper()
		dir = t.TempDir()
		if err := settings.Remember(dir, servedFlags(t, served...), rules()); err != nil {
			t.Fatal(err)
		}
		s, err := settings.Recall(dir)
		if err != nil {
			t.Fatal(err)
		}
		return dir, s
	}

	t.Run("what has a rule comes back, the rest does not", func(t *testing.T) {
		t.Parallel()
		dir, s := remember(t)
		flags, origins := servedFlags(t), settings.Origins{}
		if err := errors.Join(s.Check(flags, rules(), origins), s.Fill(flags, rules(), origins)); err != nil {
			t.Fatal(err)
		}
		want := text(servedFlags(t, append(served, "--sink=file:/here/x", "--data=data")...))
		if diff := cmp.Diff(want, text(flags)); diff != "" {
			t.Errorf("flags (-want +got):\n%s", diff)
		}
		if got := origins.Of("sink"); got != filepath.Join(dir, "SETTINGS")+": sink" {
			t.Errorf("the sink comes from %s", got)
		}
	})

	t.Run("it is for the owner only, and nothing else is left", func(t *testing.T) {
		t.Parallel()
		dir, _ := remember(t)
		if err := os.WriteFile(filepath.Join(dir, "SETTINGS.tmp"), []byte("torn"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := settings.Remember(dir, servedFlags(t), rules()); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		if info, err := files[0].Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	})

	t.Run("what was given and says the same is no contradiction", func(t *testing.T) {
		t.Parallel()
		_, s := remember(t)
		flags := servedFlags(t, "--sink=file:/here/x", "--brokers=a:1,b:2,\"c,d\"", "--retention=2160m", "--lanes=99")
		if err := s.Check(flags, rules(), settings.Origins{}); err != nil {
			t.Error(err)
		}
		if err := s.Fill(flags, rules(), settings.Origins{}); err != nil || flags.Lookup("lanes").Value.String() != "99" {
			t.Errorf("lanes = %s, %v: what was given must win", flags.Lookup("lanes").Value, err)
		}
	})

	t.Run("a contradiction is refused, and says where it comes from", func(t *testing.T) {
		t.Parallel()
		_, s := remember(t)
		for given, want := range map[string]string{
			"--sink=none":          `ORDERFLOW_SINK is "none", but the data was last served with sink "file:/here/x"`,
			"--brokers=a:1":        `--brokers is "a:1", but the data was last served with brokers "a:1,b:2,c,d"`,
			"--retention=1h":       `--retention is "1h0m0s", but the data was last served with retention "36h0m0s"`,
			"--redpanda-tls=false": `--redpanda-tls is "false", but`,
		} {
			err := s.Check(servedFlags(t, given), rules(), settings.Origins{"sink": "ORDERFLOW_SINK"})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", given, err, want)
			}
		}
	})

	t.Run("a directory that was not served", func(t *testing.T) {
		t.Parallel()
		for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "nowhere")} {
			if _, err := settings.Recall(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("err = %v", err)
			}
		}
	})

	t.Run("a file that is of no use says what to do", func(t *testing.T) {
		t.Parallel()
		for content, want := range map[string]string{
			`{`:                               "cannot be read",
			`{"format":2,"settings":{}}`:      "has format 2, and this version of the program knows format 1",
			`{"settings":{"sink":"none"}}`:    "has format 0",
			`{"format":1,"settings":{"a":7}}`: "cannot be read",
			`{"format":1,"settings":{"publish-twice":"yes"}}`: "a setting that this version of the program does not know: publish-twice",
			`{"format":1,"settings":{"data":"x"}}`:            "does not know: data",
			`{"format":1,"settings":{"lanes":"many"}}`:        `lanes: "many" is not a whole number`,
			`{"format":1,"settings":{"lanes":["1"]}}`:         "lanes: it takes one value",
		} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "SETTINGS"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := settings.Recall(dir)
			if err == nil {
				err = s.Fill(servedFlags(t), rules(), settings.Origins{})
			}
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "'orderflow serve' writes it again") || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: %v, want %q", content, err, want)
			}
		}
	})
}
