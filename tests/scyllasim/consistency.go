package scyllasim

import (
	"cmp"
	"slices"

	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

// needed returns how many replicas a consistency level needs.
func needed(cl primitive.ConsistencyLevel, rf int) int {
	switch cl {
	case primitive.ConsistencyLevelTwo:
		return 2
	case primitive.ConsistencyLevelThree:
		return 3
	case primitive.ConsistencyLevelAll:
		return rf
	case primitive.ConsistencyLevelQuorum, primitive.ConsistencyLevelLocalQuorum, primitive.ConsistencyLevelEachQuorum,
		primitive.ConsistencyLevelSerial, primitive.ConsistencyLevelLocalSerial:
		return rf/2 + 1
	}
	return 1
}

// replicas lists the nodes that own a token: the next ones on the ring.
func (s *Sim) replicas(token int64, rf int) []*node {
	type owned struct {
		token int64
		n     *node
	}
	var ring []owned
	for _, n := range s.nodes {
		for _, t := range n.tokens {
			ring = append(ring, owned{t, n})
		}
	}
	slices.SortFunc(ring, func(a, b owned) int { return cmp.Compare(a.token, b.token) })
	at, _ := slices.BinarySearchFunc(ring, token, func(o owned, t int64) int { return cmp.Compare(o.token, t) })
	var out []*node
	for i := range ring {
		if n := ring[(at+i)%len(ring)].n; len(out) < rf && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// checkReplicas refuses a request that the live nodes cannot serve at the consistency level.
func (s *Sim) checkReplicas(cl primitive.ConsistencyLevel, t *table, tokens []int64) error {
	if t.ks.local {
		return nil
	}
	need := needed(cl, t.ks.rf)
	for _, tok := range tokens {
		alive := 0
		for _, n := range s.replicas(tok, t.ks.rf) {
			if n.up() {
				alive++
			}
		}
		if alive < need {
			return unavailable(cl, need, alive)
		}
	}
	return nil
}

// checkRead refuses a read at an invalid level. For a serial read it finishes a pending round
// first.
func (s *Sim) checkRead(r *request, w *where) error {
	tokens := s.tokens()
	if n := len(w.keys); w.byKey && n > s.maxKeys {
		return invalid("partition-key cartesian product size %d is greater than maximum %d", n, s.maxKeys)
	}
	if w.byKey {
		tokens = nil
		for _, k := range w.keys {
			tokens = append(tokens, w.t.token(k))
		}
	}
	if r.cl == primitive.ConsistencyLevelAny {
		return invalid("ANY ConsistencyLevel is only supported for writes")
	}
	if err := s.checkReplicas(r.cl, w.t, tokens); err != nil || !isSerial(r.cl) {
		return err
	}
	if !w.byKey || len(w.keys) != 1 {
		return invalid("SERIAL/LOCAL_SERIAL consistency may only be requested for one partition at a time")
	}
	return s.finishRound(w.t.data.get(w.keys[0]))
}

func (s *Sim) checkWrite(r *request, t *table, keys [][][]byte, cas bool) error {
	if isSerial(r.cl) && !cas {
		return invalid("You must use conditional updates for serializable writes")
	}
	var tokens []int64
	for _, k := range keys {
		tokens = append(tokens, t.token(k))
	}
	if cas {
		if err := s.checkReplicas(r.serial, t, tokens); err != nil {
			return err
		}
	}
	return s.checkReplicas(r.cl, t, tokens)
}
