package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"orderflow/tests/bench/pace"
)

const (
	startPatience = 30 * time.Second
	stopPatience  = 30 * time.Second
	readyPoll     = 20 * time.Millisecond
	watchers      = 32
)

// process is a service in a process of its own.
type process struct {
	*pace.Remote
	name   string
	binary string
	// args are the arguments of the binary. DATA and ADDRESS are replaced.
	args    []string
	data    string
	command *exec.Cmd
	ended   chan error
}

// start starts the binary and waits until it is ready.
func (p *process) start(ctx context.Context, readyPath string) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	args := make([]string, len(p.args))
	for i, arg := range p.args {
		args[i] = strings.NewReplacer("DATA", p.data, "ADDRESS", address).Replace(arg)
	}
	p.command = exec.Command(p.binary, args...)
	p.command.Stderr = os.Stderr
	if err := p.command.Start(); err != nil {
		return err
	}
	p.ended = make(chan error, 1)
	go func() { p.ended <- p.command.Wait() }()
	p.Remote = &pace.Remote{
		Client:  pace.NewClient(address, pace.Window),
		Watcher: pace.NewClient(address, watchers),
	}
	return p.awaitReady(ctx, readyPath)
}

func (p *process) awaitReady(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		_, err := p.Watcher.Do(ctx, "GET", path, nil)
		if err == nil {
			return nil
		}
		select {
		case ended := <-p.ended:
			p.ended <- ended
			return fmt.Errorf("%s has ended: %w", p.name, errors.Join(ended, err))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", p.name, err)
		case <-time.After(readyPoll):
		}
	}
}

// stop ends the process. It may be called again.
func (p *process) stop() error {
	if p.command == nil || p.command.Process == nil {
		return nil
	}
	p.Client.Close()
	p.Watcher.Close()
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended already
	var err error
	select {
	case err = <-p.ended:
	case <-time.After(stopPatience):
		_ = p.command.Process.Kill()
		err = errors.Join(fmt.Errorf("%s did not stop", p.name), <-p.ended)
	}
	p.command = nil
	return err
}

// cpu returns how long the process was on a core.
func (p *process) cpu() (time.Duration, error) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the name in brackets, which may contain spaces. The user time is field
	// 14.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/…/stat has %d fields", len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err, err2)
}

// tables returns the size of what the store keeps, without its logs and without the file of the
// sink.
func (p *process) tables() (bytes int64, err error) {
	err = filepath.WalkDir(p.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) == ".log" || filepath.Ext(path) == ".jsonl" {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := listener.Addr().String()
	return address, listener.Close()
}
