// Command drive measures services that run in processes of their own, over HTTP: several versions
// of Orderflow in turns, and a plain server of net/http. It prints its figures as Go's benchmarks
// do, for command ratios.
//
//	drive -dir DIR -service NAME=BINARY... -profiled NAME=SERVED... -bare SERVED
//
// BINARY is the binary of a version, and SERVED is command served, built with that version.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"orderflow/tests/bench/pace"
)

// settings are how much is measured.
type settings struct {
	dir    string
	rounds int
	flood  int
	probes int
	lasts  time.Duration
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "drive:", err)
		os.Exit(1)
	}
}

func run() error {
	var s settings
	var services, profiled named
	var bare string
	flag.StringVar(&s.dir, "dir", "", "directory for the data")
	flag.Var(&services, "service", "NAME=BINARY of a version; may be repeated")
	flag.Var(&profiled, "profiled", "NAME=SERVED of a version; may be repeated")
	flag.StringVar(&bare, "bare", "", "SERVED, for the plain server")
	flag.IntVar(&s.rounds, "rounds", 3, "how often the CPU time of a command is measured")
	flag.IntVar(&s.flood, "flood", 25_000, "commands to send as fast as they are answered")
	flag.IntVar(&s.probes, "probes", 5, "rates to try at most")
	flag.DurationVar(&s.lasts, "lasts", 6*time.Second, "how long each rate is tried")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if bare != "" {
		if err := s.measureBare(ctx, bare); err != nil {
			return fmt.Errorf("plain server: %w", err)
		}
	}
	if err := s.measureServices(ctx, services); err != nil {
		return err
	}
	for _, p := range profiled {
		if err := s.measureSplit(ctx, p.name, p.path); err != nil {
			return fmt.Errorf("profile of %s: %w", p.name, err)
		}
	}
	return nil
}

// named is a list of programs with names.
type named []struct{ name, path string }

func (n *named) String() string { return "" }

// Set implements flag.Value.
func (n *named) Set(value string) error {
	name, path, ok := strings.Cut(value, "=")
	if !ok {
		return errors.New("want NAME=PATH")
	}
	*n = append(*n, struct{ name, path string }{name, path})
	return nil
}

// emit prints figures as a benchmark does. The labels are key=value parts, joined by slashes.
func emit(labels string, figures ...pace.Figure) {
	line := "BenchmarkService/" + labels + "-1 1"
	for _, f := range figures {
		line += fmt.Sprintf(" %.5g %s", f.Value, f.Unit)
	}
	fmt.Println(line)
}

func emitResult(p *process, result pace.Result) {
	emit("where=http/system="+p.name+"/"+result.Labels, result.Figures...)
}

// flooded sends commands as fast as they are answered, and returns how many were answered a second,
// and the CPU time of a command until every consumer has handled it.
func (s settings) flooded(ctx context.Context, p *process) (answered, micros float64, err error) {
	before, err := p.cpu()
	if err != nil {
		return 0, 0, err
	}
	if answered, _, err = p.Flood(ctx, s.flood); err != nil {
		return 0, 0, err
	}
	after, err := p.cpu()
	return answered, float64((after - before).Microseconds()) / float64(s.flood), err
}

func (s settings) measureServices(ctx context.Context, services named) (err error) {
	processes := make([]*process, len(services))
	defer func() {
		for _, p := range processes {
			if p != nil {
				err = errors.Join(err, p.stop())
			}
		}
	}()
	for i, service := range services {
		p := &process{
			name: service.name, binary: service.path, data: filepath.Join(s.dir, "drive-"+service.name),
			args: []string{"serve", "--data", "DATA", "--listen", "ADDRESS", "--log-level", "error"},
		}
		processes[i] = p
		if err := p.start(ctx, "/readyz"); err != nil {
			return err
		}
		if _, _, err := p.Flood(ctx, s.flood/5); err != nil { // warm
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	each := func(what string, measure func(p *process) error) error {
		for _, p := range processes {
			if err := measure(p); err != nil {
				return fmt.Errorf("%s of %s: %w", what, p.name, err)
			}
		}
		return nil
	}
	for range s.rounds {
		if err := each("cpu", func(p *process) error { return s.emitCPU(ctx, p) }); err != nil {
			return err
		}
	}
	plan := pace.Plan{Search: pace.Search{Flood: s.flood / 2, Lasts: s.lasts, Probes: s.probes}, Latency: s.lasts}
	most := map[string]pace.Most{}
	err = each("most", func(p *process) error {
		found, result, err := plan.Most(ctx, p)
		most[p.name] = found
		emitResult(p, result)
		return err
	})
	if err != nil {
		return err
	}
	for _, rate := range append(pace.Rates, 0) {
		err := each("latency", func(p *process) error {
			result, ok, err := plan.At(ctx, p, most[p.name], rate)
			if ok && err == nil {
				emitResult(p, result)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return each("disk", func(p *process) error { return s.emitDisk(ctx, p) })
}

func (s settings) emitCPU(ctx context.Context, p *process) error {
	answered, micros, err := s.flooded(ctx, p)
	if err == nil {
		emit("system="+p.name+"/measure=cpu", pace.Figure{Value: micros, Unit: "us/command"}, pace.Figure{Value: answered, Unit: "answered/s"})
	}
	return err
}

// emitDisk restarts a service. So everything that it has stored is in tables.
func (s settings) emitDisk(ctx context.Context, p *process) error {
	events := p.Sent()
	if err := p.stop(); err != nil {
		return err
	}
	if err := p.start(ctx, "/readyz"); err != nil {
		return err
	}
	bytes, err := p.tables()
	if err == nil {
		emit("system="+p.name+"/measure=disk", pace.Figure{Value: float64(bytes) / float64(events), Unit: "B/event"})
	}
	return err
}

// measureBare measures the CPU time that a plain server needs for a request.
func (s settings) measureBare(ctx context.Context, served string) (err error) {
	p := &process{name: "net/http", binary: served, args: []string{"-bare", "-listen", "ADDRESS"}}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.start(ctx, "/livez"); err != nil {
		return err
	}
	for range s.rounds {
		before, err := p.cpu()
		if err != nil {
			return err
		}
		line := pace.NewTimeline(s.flood, 1e9, nil)
		line.Window = pace.Window
		if err := line.Run(ctx, p.Client.Handle); err != nil {
			return err
		}
		after, err := p.cpu()
		if err != nil {
			return err
		}
		emit("system=net-http/measure=cpu", pace.Figure{Value: float64((after - before).Microseconds()) / float64(s.flood), Unit: "us/command"})
	}
	return nil
}
