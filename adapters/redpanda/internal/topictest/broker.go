package topictest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokerVariable makes the test binary a broker with the data in the directory that it names, on
// the port in portVariable.
const (
	brokerVariable = "REDPANDA_TEST_BROKER"
	portVariable   = "REDPANDA_TEST_PORT"
)

// runBroker is the broker's process. It ends with its standard input, so at the latest with the
// tests.
func runBroker() error {
	port, err := strconv.Atoi(os.Getenv(portVariable))
	if err != nil {
		return err
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(os.Getenv(brokerVariable)), kfake.Ports(port))
	if err != nil {
		return err
	}
	defer cluster.Close()
	fmt.Println("serving")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// Broker is a broker in its own process, which can be killed. The tests of its package must run in
// [Main].
type Broker struct {
	Address string
	dir     string
	cmd     *exec.Cmd
}

// StartBroker starts a broker on the data in a directory.
func StartBroker(t testing.TB, dir string) *Broker {
	t.Helper()
	b := NewBroker(t, dir)
	b.Start(t)
	return b
}

// NewBroker returns a broker that is not started. Its port is outside of the range that the system
// gives to others, so none of them gets it while the broker is away.
func NewBroker(t testing.TB, dir string) *Broker {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err != nil {
			continue
		}
		defer listener.Close()
		b := &Broker{dir: dir, Address: listener.Addr().String()}
		t.Cleanup(func() { b.Kill(t) })
		return b
	}
	t.Fatal("no free port")
	return nil
}

// Start starts it, again with the data that it had.
func (b *Broker) Start(t testing.TB) {
	t.Helper()
	_, port, err := net.SplitHostPort(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	b.cmd = exec.Command(os.Args[0])
	b.cmd.Env = append(os.Environ(), brokerVariable+"="+b.dir, portVariable+"="+port)
	b.cmd.Stderr = os.Stderr
	if _, err := b.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "serving\n" {
		t.Errorf("the broker did not start: %q, %v", line, err)
	}
}

// Kill ends the broker at once, as SIGKILL does.
func (b *Broker) Kill(t testing.TB) {
	t.Helper()
	if b.cmd == nil {
		return
	}
	if err := b.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	_ = b.cmd.Wait() // it was killed
}
