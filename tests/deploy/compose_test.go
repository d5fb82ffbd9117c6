package deploy_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// compose holds the parts of compose.yaml that are checked.
type compose struct {
	Services map[string]service
	Volumes  map[string]any
}

type service struct {
	Build       string
	Image       string
	Command     any
	Environment map[string]string
	Ports       []string
	Volumes     []string
	Restart     string
	MemLimit    string                                `yaml:"mem_limit"`
	PidsLimit   int                                   `yaml:"pids_limit"`
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct {
		Test    []string
		Disable bool
	}
}

func readCompose(t *testing.T) compose {
	t.Helper()
	text, err := os.ReadFile("../../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) != 4 {
		t.Fatalf("%d services", len(c.Services))
	}
	return c
}

// pinned matches an image of one exact release.
var pinned = regexp.MustCompile(`:v?\d+\.\d+\.\d+(-[a-z]+)?$`)

func TestCompose_ServicesArePinnedCheckedAndReachableFromHereOnly(t *testing.T) {
	t.Parallel()
	for name, s := range readCompose(t).Services {
		if s.Build == "" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q is not one release", name, s.Image)
		}
		once := s.Restart == "no"
		if checked := len(s.Healthcheck.Test) > 1; checked == once || s.Healthcheck.Disable != once {
			t.Errorf("%s: runs once: %t, and its healthcheck is %q, disabled: %t", name, once, s.Healthcheck.Test, s.Healthcheck.Disable)
		}
		if s.MemLimit == "" || s.PidsLimit == 0 {
			t.Errorf("%s may take all memory (%q) or processes (%d)", name, s.MemLimit, s.PidsLimit)
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to other machines", name, port)
			}
		}
	}
}

func TestCompose_ServicesWaitForWhatTheyNeed(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	for name, s := range c.Services {
		for needed, how := range s.DependsOn {
			want := "service_healthy"
			if c.Services[needed].Restart == "no" {
				want = "service_completed_successfully"
			}
			if _, known := c.Services[needed]; !known || how.Condition != want {
				t.Errorf("%s waits for %s to be %s, want %s", name, needed, how.Condition, want)
			}
		}
		for setting, value := range s.Environment {
			host, _, _ := strings.Cut(value, ":")
			isServer := setting == "ORDERFLOW_SCYLLA_HOSTS" || setting == "ORDERFLOW_BROKERS"
			if _, known := c.Services[host]; isServer && !known {
				t.Errorf("%s: %s is %s, which is no service", name, setting, value)
			}
		}
	}
	if needed := c.Services["orderflow"].DependsOn; len(needed) != 3 {
		t.Errorf("orderflow waits for %v, want all others", needed)
	}
}

func TestCompose_DataIsInNamedVolumes(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	used := map[string]bool{}
	for name, s := range c.Services {
		for _, volume := range s.Volumes {
			volume, inside, _ := strings.Cut(volume, ":")
			if _, known := c.Volumes[volume]; !known || !path.IsAbs(inside) {
				t.Errorf("%s: volume %s is not one of those at the end, or is at %q", name, volume, inside)
			}
			used[volume] = true
		}
	}
	for volume := range c.Volumes {
		if !used[volume] {
			t.Errorf("nobody uses volume %s", volume)
		}
	}
}

func TestCompose_BinaryKnowsItsSettingsAndCommands(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	ours := 0
	for name, s := range c.Services {
		if s.Build == "" {
			continue
		}
		ours++
		for setting := range s.Environment {
			if setting != "GOMEMLIMIT" {
				expectSetting(t, setting)
			}
		}
		command, _ := s.Command.([]any)
		var args []string
		for _, arg := range command {
			args = append(args, arg.(string))
		}
		expectCommand(t, args)
		if test := s.Healthcheck.Test; len(test) > 0 {
			if !slices.Equal(test[:2], []string{"CMD", "/orderflow"}) {
				t.Fatalf("%s: healthcheck %q does not run the binary, and nothing else is there", name, test)
			}
			expectCommand(t, test[2:])
		}
	}
	if ours != 2 {
		t.Errorf("%d services are built here, want the service and its schema", ours)
	}
}
