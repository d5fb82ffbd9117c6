package scylla_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"orderflow/adapters/scylla"
	"orderflow/tests/scyllasim"
)

// What a child process of the tests reads to know what to do.
const (
	childHosts    = "SCYLLA_TEST_CHILD_HOSTS"
	childKeyspace = "SCYLLA_TEST_CHILD_KEYSPACE"
)

// appendUntilKilled is the program of the child: several writers that print the id of each command
// that was acknowledged.
func appendUntilKilled(hosts, keyspace string) int {
	store, err := scylla.Open(context.Background(), scylla.Config{Hosts: []string{hosts}, Keyspace: keyspace})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			id := newID()
			for head := uint64(0); ; head += 2 {
				a := command(id, head, 2)
				if _, err := store.Append(context.Background(), a); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				fmt.Println(a.CommandID)
			}
		})
	}
	writers.Wait()
	return 1
}

// Real processes are killed while they write, one after the other on the same keyspace.
func TestAppend_ProcessIsKilled(t *testing.T) {
	t.Parallel()
	sim := start(t, scyllasim.Options{})
	config := on(sim.Hosts())
	store := open(t, prepare(t, config))
	acknowledged := map[uuid.UUID]bool{}
	for round := range 4 {
		for _, id := range killAfter(t, config, 50+13*round) {
			acknowledged[id] = true
		}
	}
	sim.Advance(15 * time.Second)
	swept := mustSweep(t, store)
	t.Logf("%d acknowledged; swept %+v", len(acknowledged), swept)

	heads, err := store.ScanHeads(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range heads.Heads {
		for _, r := range expectDelivered(t, store, head.AggregateID) {
			delete(acknowledged, r.CommandID)
		}
	}
	for id := range acknowledged {
		t.Errorf("command %s was acknowledged and is lost", id)
	}
	sim.Advance(2 * time.Hour)
	mustSweep(t, store)
	expectNoIntents(t, sim, config)
}

// killAfter runs a child, kills it when it has printed so many ids, and returns all ids that it
// printed.
func killAfter(t *testing.T, c scylla.Config, lines int) (printed []uuid.UUID) {
	t.Helper()
	child := exec.Command(os.Args[0]) //nolint:gosec // this very program
	child.Env = append(os.Environ(), childHosts+"="+c.Hosts[0], childKeyspace+"="+c.Keyspace)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		id, err := uuid.Parse(scanner.Text())
		if err != nil { // cut off
			break
		}
		if printed = append(printed, id); len(printed) == lines {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = child.Wait() // it was killed
	if len(printed) < lines {
		t.Fatalf("the child ended after %d commands", len(printed))
	}
	return printed
}
