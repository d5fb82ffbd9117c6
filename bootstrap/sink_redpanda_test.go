package bootstrap_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"orderflow/adapters/redpanda"
	"orderflow/bootstrap"
)

func topicConfig(t *testing.T, brokers ...string) bootstrap.Config {
	t.Helper()
	c := config(t.TempDir())
	c.Sink, c.Redpanda.Brokers, c.Redpanda.Timeout = "redpanda", brokers, time.Second
	return c
}

func newCluster(t *testing.T, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

func TestApp_publishesToTheTopic(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	c := topicConfig(t, cluster.ListenAddrs()...)
	c.Redpanda.Topic.Partitions = 3
	app, _ := run(t, c, io.Discard)
	place(t, app)
	published := func() (n int64) {
		for _, p := range cluster.PartitionInfos("order-events") {
			n += p.HighWatermark
		}
		return n
	}
	eventually(t, "the event is in the topic", func() bool { return published() == 1 })
	if _, body := get(t, app.URL()+"/v1/consumers"); !strings.Contains(body, `"redpanda-publisher"`) {
		t.Errorf("no consumer of that name: %s", body)
	}
}

func TestApp_startsWithoutBrokersAndSaysSo(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	var log bytes.Buffer
	app, err := bootstrap.Open(t.Context(), topicConfig(t, address), bootstrap.Environment{
		Logger: slog.New(slog.NewTextHandler(&log, nil)), Stdout: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	for _, part := range []string{"no broker answers", address, "--brokers", "--sink=none", "level=WARN"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log does not say %q: %s", part, log.String())
		}
	}
}

func TestOpen_refusesWhatTheBrokersRefuse(t *testing.T) {
	t.Parallel()
	c := topicConfig(t, newCluster(t).ListenAddrs()...)
	c.Redpanda.Topic.MustExist = true
	app, err := open(t, c, io.Discard)
	if err == nil {
		app.Close()
	}
	if !errors.Is(err, redpanda.ErrRefused) || !strings.Contains(err.Error(), "order-events") {
		t.Errorf("%v, want ErrRefused", err)
	}
}

// A topic that brokers compact loses the history of every order.
func TestOpen_refusesACompactedTopic(t *testing.T) {
	t.Parallel()
	c := topicConfig(t, newCluster(t).ListenAddrs()...)
	c.Redpanda.Topic.Settings = map[string]string{"cleanup.policy": "compact"}
	app, err := open(t, c, io.Discard)
	if err == nil {
		app.Close()
	}
	if !errors.Is(err, redpanda.ErrCompacted) || !strings.Contains(err.Error(), "; see --allow-compacted") {
		t.Errorf("%v, want that it is refused", err)
	}
	without := c
	without.Sink = "none"
	verify := func(c bootstrap.Config) (int, string) {
		t.Helper()
		app, stop := run(t, c, io.Discard)
		defer stop()
		return posted(t, app.URL()+"/v1/verify/topic?patience=0s")
	}
	if status, body := verify(without); status != http.StatusConflict || !strings.Contains(body, "--allow-compacted") {
		t.Errorf("verify topic: %d, %s", status, body)
	}
	c.Redpanda.Topic.AllowCompacted = true
	if status, body := verify(c); status != http.StatusOK || !strings.Contains(body, `"report"`) {
		t.Errorf("verify topic where it is allowed: %d, %s", status, body)
	}
}

// An error about a wrong setting names its flag.
func TestOpen_namesTheFlagThatIsWrong(t *testing.T) {
	t.Parallel()
	for flag, change := range map[string]func(*bootstrap.Config, *kfake.Cluster){
		"--topic": func(c *bootstrap.Config, _ *kfake.Cluster) { c.Redpanda.Topic.MustExist = true },
		"--redpanda-username and --redpanda-password": func(c *bootstrap.Config, cluster *kfake.Cluster) {
			c.Redpanda.SASL = &redpanda.SASL{Mechanism: redpanda.MechanismPlain, Username: "ada", Password: "guessed"}
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.SASLAuthenticate}, Err: kerr.SaslAuthenticationFailed, TopLevel: true, Count: -1})
		},
	} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "ada", "secret"))
			c := topicConfig(t, cluster.ListenAddrs()...)
			c.Redpanda.SASL = &redpanda.SASL{Mechanism: redpanda.MechanismPlain, Username: "ada", Password: "secret"}
			change(&c, cluster)
			app, err := open(t, c, io.Discard)
			if err == nil {
				app.Close()
			}
			if err == nil || !strings.Contains(err.Error(), "; see "+flag) {
				t.Errorf("%v does not name %s", err, flag)
			}
		})
	}
}

// eventually waits for something that other goroutines do.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	again, deadline := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer again.Stop()
	for !happened() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
