package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/embedded"
	"orderflow/ports"
)

// childDir names the data directory of a child process.
const childDir = "EMBEDDED_TEST_DIR"

// child is this test binary, run as a program of [children].
type child struct {
	*exec.Cmd
	stdout *bufio.Scanner
	stderr *strings.Builder
}

func startChild(t *testing.T, program, dir string) child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := child{Cmd: exec.CommandContext(t.Context(), self), stderr: new(strings.Builder)}
	c.Env = append(os.Environ(), childVariable+"="+program, childDir+"="+dir)
	c.Stderr = c.stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.stdout = bufio.NewScanner(stdout)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// writeUntilKilled appends from many goroutines, and keeps the view. It writes each acknowledged
// append to its standard output, with one system call, as the aggregate, the last sequence number
// and the command.
func writeUntilKilled() int {
	store, err := embedded.Open(context.Background(), embedded.Options{Dir: os.Getenv(childDir)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	heads, err := store.ScanHeads(context.Background(), "", 8) // to continue with some that exist
	var group sync.WaitGroup
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fail(err)
	for w := range 16 {
		head := ports.Head{AggregateID: newID()}
		if w < len(heads.Heads) {
			head = heads.Heads[w]
		}
		group.Go(func() {
			for {
				if rand.IntN(8) == 0 {
					head = ports.Head{AggregateID: newID()}
				}
				a := command(head.AggregateID, head.SequenceNumber, 1+rand.IntN(3))
				_, err := store.Append(context.Background(), a)
				fail(err)
				head.SequenceNumber += uint64(len(a.Records))
				_, err = fmt.Fprintf(os.Stdout, "%s %d %s\n", a.AggregateID, head.SequenceNumber, a.CommandID)
				fail(err)
			}
		})
	}
	group.Go(func() { fail(keepView(context.Background(), store, uuid.Nil)) })
	group.Wait()
	return 0
}

// promise is an append that was acknowledged.
type promise struct {
	aggregateID, commandID uuid.UUID
	sequence               uint64
}

// killAfter reads n promises, kills the child, and returns all that it had made.
func (c child) killAfter(t *testing.T, n int) (promises []promise) {
	t.Helper()
	for c.stdout.Scan() {
		var aggregate, command string
		var p promise
		if _, err := fmt.Sscan(c.stdout.Text(), &aggregate, &p.sequence, &command); err != nil {
			t.Fatalf("%q: %v", c.stdout.Text(), err)
		}
		p.aggregateID, p.commandID = uuid.MustParse(aggregate), uuid.MustParse(command)
		if promises = append(promises, p); len(promises) == n {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); len(promises) < n {
		t.Fatalf("the child ended by itself: %v\n%s", err, c.stderr)
	}
	return promises
}

// TestStore_SurvivesKill repeatedly kills a process that writes, always on the same directory.
func TestStore_SurvivesKill(t *testing.T) {
	t.Parallel()
	// with the race detector, a round takes ten times as long
	rounds, least, enough := 24, 8, time.Now().Add(10*time.Second)
	if testing.Short() {
		rounds = 6
	}
	options := embedded.Options{Dir: t.TempDir()}
	startView(t, options)
	var promises []promise
	done := 0
	for ; done < rounds && (done < least || time.Now().Before(enough)); done++ {
		c := startChild(t, "write until killed", options.Dir)
		promises = append(promises, c.killAfter(t, 1+rand.IntN(300))...)
		if done%3 != 1 { // otherwise the next process finds the directory as this one left it
			checkAfterKill(t, options, promises)
		}
	}
	t.Logf("%d appends were acknowledged in %d processes", len(promises), done)
}

func checkAfterKill(t *testing.T, options embedded.Options, promises []promise) {
	t.Helper()
	logged := new(lines)
	options.Logger = logged.logger()
	store, err := embedded.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(logged.String(), "not closed the last time") {
		t.Errorf("the recovery was not logged: %s", logged)
	}
	defer mustClose(t, store)
	if err := checkSurvivors(store, nil); err != nil {
		t.Fatal(err)
	}
	catchUp(t, store)
	c, err := read(store)
	if err != nil {
		t.Fatal(err)
	}
	there := map[promise]bool{}
	for _, r := range c.Events {
		there[promise{r.AggregateID, r.CommandID, r.SequenceNumber}] = true
	}
	for _, p := range promises {
		if !there[p] {
			t.Fatalf("promised %+v, which is not there", p)
		}
	}
	for id, head := range c.Heads {
		if got := c.States[id].SequenceNumber; got != head {
			t.Fatalf("the view of %s is at %d after the consumer has caught up, its history at %d", id, got, head)
		}
	}
}

// catchUp lets the consumer of the view continue from its offset to the end of the feed, where a
// record of our own is the last.
func catchUp(t *testing.T, store *embedded.Store) {
	t.Helper()
	last := mustAppend(t, store, command(newID(), 0, 1))[0]
	if err := keepView(t.Context(), store, last.EventID); err != nil {
		t.Fatal(err)
	}
}
