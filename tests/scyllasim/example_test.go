package scyllasim_test

import (
	"errors"
	"fmt"

	"github.com/gocql/gocql"

	"orderflow/tests/scyllasim"
)

// A conditional write fails although it was accepted. Plain reads do not see it until a serial read
// finishes the round.
func ExampleSim_Inject() {
	sim, err := scyllasim.Start(scyllasim.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sim.Close()
	session, err := cluster(sim).CreateSession()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close()
	for _, cql := range []string{
		"CREATE KEYSPACE k WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
		"CREATE TABLE k.t (a int PRIMARY KEY, b int)",
	} {
		if err := session.Query(cql).Exec(); err != nil {
			fmt.Println(err)
			return
		}
	}

	sim.Inject(scyllasim.Fault{Table: "k.t", Kind: scyllasim.KindLWT, Effect: scyllasim.PaxosNotLearned})
	err = session.Query("INSERT INTO k.t (a, b) VALUES (1, 2) IF NOT EXISTS").Exec()
	fmt.Println("failed:", err != nil)

	read := func(cl gocql.Consistency) {
		var b int
		err := session.Query("SELECT b FROM k.t WHERE a = 1").Consistency(cl).Scan(&b)
		fmt.Println(cl, b, errors.Is(err, gocql.ErrNotFound))
	}
	read(gocql.LocalQuorum)
	read(gocql.LocalSerial)
	// Output:
	// failed: true
	// LOCAL_QUORUM 0 true
	// LOCAL_SERIAL 2 false
}
