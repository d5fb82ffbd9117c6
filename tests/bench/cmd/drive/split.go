package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"orderflow/tests/bench/pace"
)

// parts are where the CPU time of a service goes. A sample belongs to the first part that one of
// its frames names. The names of functions of earlier versions are among them.
var parts = []struct {
	name   string
	frames []string
}{
	{"gc", []string{"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.bgscavenge"}},
	{"compaction", []string{"pebble/v2.(*DB).flush1", "pebble/v2.(*DB).compact1", "pebble/v2.(*DB).runCompaction", "pebble/v2.(*DB).flush(", "pebble/v2.(*DB).compact("}},
	{"wal", []string{"pebble/v2/record.(*LogWriter)", "pebble/v2/wal."}},
	{"consumers", []string{
		"orderflow/application/consumer.", "orderflow/application/consumer/", "orderflow/application/filling.", "orderflow/adapters/fanout.",
		"watermill", "orderflow/adapters/cloudevents.", "orderflow/adapters/embedded/internal/feed.", "orderflow/application/watermark.",
		"embedded.(*subscription)", "embedded.(*feed)",
	}},
	{"command", []string{
		"orderflow/application/command.", "orderflow/application/orders.", "orderflow/adapters/embedded/internal/commit.",
		"embedded.(*committer)", "embedded.(*Store).commit", "embedded.(*Store).runCommits",
	}},
	{"http", []string{"net/http.", "orderflow/adapters/httpapi"}},
}

// rest is the part of what belongs to no other: the scheduler, mostly.
const rest = "rest"

// measureSplit measures where the CPU time of a command goes, without a sink: the profile gives the
// shares.
func (s settings) measureSplit(ctx context.Context, name, served string) (err error) {
	profile := filepath.Join(s.dir, "profile-"+name)
	p := &process{
		name: name, binary: served, data: filepath.Join(s.dir, "split-"+name),
		args: []string{"-data", "DATA", "-listen", "ADDRESS", "-sink", "none", "-profile", profile},
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.start(ctx, "/readyz"); err != nil {
		return err
	}
	if _, _, err := s.flooded(ctx, p); err != nil { // warm
		return err
	}
	_, micros, err := s.flooded(ctx, p)
	if err != nil {
		return err
	}
	if err := p.stop(); err != nil {
		return err
	}
	traces, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-traces", served, profile).Output()
	if err != nil {
		return fmt.Errorf("go tool pprof: %w", err)
	}
	shares, err := split(bytes.NewReader(traces))
	if err != nil {
		return err
	}
	figures := []pace.Figure{{Value: micros, Unit: "us/command"}, {Value: micros * shares[rest], Unit: rest + "-us"}}
	for _, part := range parts {
		figures = append(figures, pace.Figure{Value: micros * shares[part.name], Unit: part.name + "-us"})
	}
	emit("system="+name+"/measure=split", figures...)
	return nil
}

// split returns the share of each part in a profile, as go tool pprof -traces prints it: samples
// after lines of dashes, each with its time before the innermost frame.
func split(traces io.Reader) (shares map[string]float64, err error) {
	var frames []string
	var took, all time.Duration
	spent := map[string]time.Duration{}
	account := func() {
		if took > 0 {
			spent[partOf(frames)] += took
			all += took
		}
		frames, took = nil, 0
	}
	header := true
	for lines := bufio.NewScanner(traces); ; {
		if !lines.Scan() {
			if err := lines.Err(); err != nil {
				return nil, err
			}
			break
		}
		line := lines.Text()
		if strings.HasPrefix(line, "-----------+") {
			account()
			header = false
			continue
		}
		if header {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasSuffix(fields[0], ":") { // a label
			continue
		}
		if took == 0 {
			if d, err := time.ParseDuration(strings.Replace(fields[0], "mins", "m", 1)); err == nil {
				took, fields = d, fields[1:]
			}
		}
		frames = append(frames, strings.Join(fields, " "))
	}
	account()
	if all == 0 {
		return nil, errors.New("the profile is empty")
	}
	shares = map[string]float64{}
	for part, d := range spent {
		shares[part] = float64(d) / float64(all)
	}
	return shares, nil
}

func partOf(frames []string) string {
	for _, part := range parts {
		for _, wanted := range part.frames {
			for _, frame := range frames {
				if strings.Contains(frame+"(", wanted) {
					return part.name
				}
			}
		}
	}
	return rest
}
