package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	dockercontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// container is a server to start.
type container struct {
	image, flags string
	// ready returns nil when the server at an address works.
	ready func(ctx context.Context, address string) error
}

// start runs a container until the end of the binary and returns the address of its server. The
// server listens on the same port inside and outside, so that the address that it tells its clients
// is valid for them.
func (c container) start() (address string, err error) {
	if testing.Short() {
		return "", errors.New("no containers are started for -short tests")
	}
	defer func() { // testcontainers panics in some cases when there is no Docker
		if r := recover(); r != nil {
			err = fmt.Errorf("docker: %v", r)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ip, err := docker(ctx)
	if err != nil {
		return "", fmt.Errorf("docker: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	flags := strings.NewReplacer("{address}", ip.String(), "{port}", port).Replace(c.flags)
	running, err := testcontainers.Run(
		ctx, c.image,
		testcontainers.WithCmd(strings.Fields(flags)...),
		testcontainers.WithExposedPorts(port+"/tcp"),
		testcontainers.WithHostConfigModifier(func(config *dockercontainer.HostConfig) {
			config.PortBindings = network.PortMap{
				network.MustParsePort(port + "/tcp"): {{HostIP: published(ip), HostPort: port}},
			}
		}),
		testcontainers.WithLogger(log.NewNoopLogger()),
	)
	if running != nil {
		started.add(func() error { return testcontainers.TerminateContainer(running) })
	}
	if err != nil {
		return "", fmt.Errorf("container of %s: %w", c.image, err)
	}
	address = net.JoinHostPort(ip.String(), port)
	if err := c.ready(ctx, address); err != nil {
		return "", fmt.Errorf("container of %s: %w", c.image, err)
	}
	return address, nil
}

// docker returns the address on which ports of containers are published, if Docker answers.
func docker(ctx context.Context) (ip netip.Addr, err error) {
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(log.NewNoopLogger()))
	if err != nil {
		return ip, err
	}
	defer provider.Close() //nolint:errcheck // it has answered by then, or has not
	if err := provider.Health(ctx); err != nil {
		return ip, err
	}
	host, err := provider.DaemonHost(ctx)
	if err != nil {
		return ip, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	if err != nil {
		return ip, err
	}
	return ips[0].Unmap(), nil
}

// published returns the address on which to publish a port. Only this machine needs it, unless
// Docker runs on another one.
func published(ip netip.Addr) netip.Addr {
	if ip.IsLoopback() {
		return ip
	}
	return netip.IPv4Unspecified()
}

// freePort returns a free port, if containers run on this machine. On another machine it is a
// guess.
func freePort() (string, error) {
	listener, err := net.Listen("tcp4", ":0")
	if err != nil {
		return "", err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return strconv.Itoa(port), listener.Close()
}
