package cluster

import (
	"slices"

	"github.com/gocql/gocql"
)

// DistinctHosts returns each node once for a request. The driver's list of replicas may start with
// the same node several times, where neighbouring tokens belong to one node of a rack
// (networkTopology.replicaMap of v1.19.0). Then every attempt of a request goes to the node, and
// over the connection, that has just failed.
type DistinctHosts struct{ gocql.HostSelectionPolicy }

// Pick implements [gocql.HostSelectionPolicy].
func (p DistinctHosts) Pick(q gocql.ExecutableQuery) gocql.NextHost {
	next := p.HostSelectionPolicy.Pick(q)
	var named []*gocql.HostInfo
	return func() gocql.SelectedHost {
		for host := next(); host != nil; host = next() {
			if !slices.Contains(named, host.Info()) {
				named = append(named, host.Info())
				return host
			}
		}
		return nil
	}
}

// AddHosts passes on all nodes at once if possible, which is how the driver calls it. Then the
// replicas are computed only once.
func (p DistinctHosts) AddHosts(hosts []*gocql.HostInfo) {
	if all, ok := p.HostSelectionPolicy.(interface{ AddHosts([]*gocql.HostInfo) }); ok {
		all.AddHosts(hosts)
		return
	}
	for _, host := range hosts {
		p.AddHost(host)
	}
}
