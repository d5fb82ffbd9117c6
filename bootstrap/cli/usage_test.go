package cli

import (
	"bytes"
	"strings"
	"testing"
)

// A mistake on the command line is answered with the flag, what it got, and what it takes.
func TestUsage_saysWhatIsTaken(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--lanes=many":           `--lanes: "many" is not a whole number`,
		"--retention=3":          `--retention: "3" is not a duration such as 90s, 15m or 24h`,
		"--redpanda-tls=perhaps": `--redpanda-tls: "perhaps" is not true or false`,
		"demo --seed=-1":         `--seed: "-1" is not a whole number that is not negative`,
		"demo --rate=fast":       `--rate: "fast" is not a number`,
		"--scylla-replication=3": `--scylla-replication: "3" is not a list such as dc1=3,dc2=3`,
		"--data":                 "--data: it needs a value: a string",
		"--dta=x":                "there is no flag --dta; the nearest one is --data",
		"inspect --limits=3":     "orderflow inspect: there is no flag --limits; the nearest one is --limit",
		"-lanes=3":               "there is no flag -lanes=3; a flag with a long name has two hyphens",
		"sumbit x":               `orderflow: unknown argument "sumbit"; the nearest command is submit`,
		"consumers puase x":      `orderflow consumers: unknown argument "puase"; the nearest command is pause`,
		"schema aply":            `orderflow schema: unknown argument "aply"; the nearest command is apply`,
		"version 2":              `orderflow version: unknown argument "2"; it takes none`,
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			status := Main(t.Context(), strings.Fields(args), Process{In: strings.NewReader(""), Out: &out, Err: &errs})
			if status != exitUsage || !strings.Contains(errs.String(), want) || out.Len() > 0 {
				t.Errorf("exit status %d, want %d with %q:\n%s%s", status, exitUsage, want, &out, &errs)
			}
		})
	}
}
