package cluster_test

import (
	"slices"
	"testing"

	"orderflow/adapters/scylla/internal/cluster"

	"github.com/gocql/gocql"
)

func TestDistinctHosts_NamesEachNodeOnce(t *testing.T) {
	t.Parallel()
	a, b, c := new(gocql.HostInfo), new(gocql.HostInfo), new(gocql.HostInfo)
	policy := cluster.DistinctHosts{HostSelectionPolicy: listed{hosts: []*gocql.HostInfo{a, a, b, a, c, b}}}
	for range 2 { // what one request was told does not matter to the next
		var got []*gocql.HostInfo
		next := policy.Pick(nil)
		for host := next(); host != nil; host = next() {
			got = append(got, host.Info())
		}
		if want := []*gocql.HostInfo{a, b, c}; !slices.Equal(got, want) {
			t.Errorf("nodes %p, want %p", got, want)
		}
	}
}

// listed is a policy that names the same nodes for every request.
type listed struct {
	gocql.HostSelectionPolicy // nil: nothing else is asked
	hosts                     []*gocql.HostInfo
}

func (l listed) Pick(gocql.ExecutableQuery) gocql.NextHost {
	rest := l.hosts
	return func() gocql.SelectedHost {
		if len(rest) == 0 {
			return nil
		}
		host := rest[0]
		rest = rest[1:]
		return chosen{host}
	}
}

type chosen struct{ host *gocql.HostInfo }

func (c chosen) Info() *gocql.HostInfo { return c.host }
func (chosen) Token() gocql.Token      { return nil }
func (chosen) Mark(error)              {}
