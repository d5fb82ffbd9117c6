package cluster

import (
	"slices"

	"github.com/gocql/gocql"
)

// DistinctHosts names each node once for a request. The driver's list of replicas may start with
// the same node several times, where neighbouring tokens belong to one node of a rack
// (networkTopology.replicaMap of v1.18.3), and then every attempt of a request goes to the node,
// and over the connection, that has just failed.
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

// AddHosts hands over all nodes at once if it can, which the driver asks for in this way: the
// replicas are worked out once then.
func (p DistinctHosts) AddHosts(hosts []*gocql.HostInfo) {
	if all, ok := p.HostSelectionPolicy.(interface{ AddHosts([]*gocql.HostInfo) }); ok {
		all.AddHosts(hosts)
		return
	}
	for _, host := range hosts {
		p.AddHost(host)
	}
}
