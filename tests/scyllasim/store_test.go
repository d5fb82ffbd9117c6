package scyllasim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPartition_PropOrderDoesNotMatter checks that the final partition does not depend on the order
// of the mutations.
func TestPartition_PropOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	st, _, err := parse("CREATE TABLE k.t (a int, b int, s int static, c int, m map<int, int>, PRIMARY KEY (a, b))")
	if err != nil {
		t.Fatal(err)
	}
	tab, err := (&Sim{}).buildTable(&keyspace{name: "k"}, st.(*createTableStmt))
	if err != nil {
		t.Fatal(err)
	}
	key := [][]byte{encode(intT, 1)}
	rapid.Check(t, func(rt *rapid.T) {
		muts := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) *mutation { return drawMutation(rt, tab, key) }), 1, 12).Draw(rt, "mutations")
		state := func(order []int) string {
			p := newPartition(tab, key)
			for _, i := range order {
				p.apply(muts[i], 100, 100-tombstoneKeep)
			}
			return dump(p)
		}
		inOrder := make([]int, len(muts))
		for i := range inOrder {
			inOrder[i] = i
		}
		want := state(inOrder)
		shuffled := rapid.Permutation(inOrder).Draw(rt, "order")
		if got := state(shuffled); got != want {
			rt.Fatalf("in order:\n%s\nin the order %v:\n%s", want, shuffled, got)
		}
		if got := state(append(shuffled, inOrder...)); got != want {
			rt.Fatalf("once:\n%s\ntwice:\n%s", want, got)
		}
	})
}

func drawMutation(rt *rapid.T, t *table, key [][]byte) *mutation {
	small := func(name string) int64 { return rapid.Int64Range(0, 3).Draw(rt, name) }
	b := func(n int64) [][]byte { return [][]byte{encode(intT, n)} }
	ts := rapid.Int64Range(0, 2).Draw(rt, "timestamp") // few, so that many are equal
	s := stamp{ts: ts}
	if ttl := small("ttl"); ttl > 0 {
		s.ttl, s.expires = ttl, 99+ttl // at 100 the first of them has expired
	}
	m := newPartition(t, key)
	switch rapid.SampledFrom([]string{"insert", "update", "null", "static", "map", "element", "row", "range", "partition"}).Draw(rt, "kind") {
	case "insert":
		m.row(b(rapid.Int64Range(0, 1).Draw(rt, "b"))).marker = s.cell([]byte{})
	case "update":
		set(m.row(b(rapid.Int64Range(0, 1).Draw(rt, "b"))), t.columns["c"], encode(intT, small("value")), s)
	case "null":
		set(m.row(b(rapid.Int64Range(0, 1).Draw(rt, "b"))), t.columns["c"], nil, s)
	case "static":
		set(m.static, t.columns["s"], encode(intT, small("value")), s)
	case "map":
		k := element{encode(intT, small("key")), encode(intT, small("value"))}
		set(m.row(b(rapid.Int64Range(0, 1).Draw(rt, "b"))), t.columns["m"], t.columns["m"].typ.join([]element{k}), s)
	case "element":
		assign{t.columns["m"], assignElement, encode(intT, small("key")), encode(intT, small("value"))}.apply(m.row(b(rapid.Int64Range(0, 1).Draw(rt, "b"))), s)
	case "row":
		m.row(b(rapid.Int64Range(0, 1).Draw(rt, "b"))).del = ts
	case "range":
		m.ranges = append(m.ranges, rangeTomb{lo: bound{b(small("from")), true}, hi: bound{b(small("to")), false}, ts: ts})
	case "partition":
		m.del = ts
	}
	return m
}

// dump shows what a client can see of a partition.
func dump(p *partition) string {
	var out strings.Builder
	fmt.Fprintln(&out, rowView{p, nil, 100}.get(p.t.columns["s"]))
	for _, r := range p.rows {
		if !r.live(p.del, 100) {
			continue
		}
		for _, c := range p.t.all() {
			v := rowView{p, r, 100}
			d, _ := v.cell(c)
			fmt.Fprint(&out, c.name, v.get(c), d.ts, " ")
		}
		fmt.Fprintln(&out)
	}
	return out.String()
}

func TestMurmur3_matches_known_values(t *testing.T) {
	t.Parallel()
	composite := "\x00\x10\x43\x27\x52\x9f\xb6\x45\xdd\x00\xb8\x83\xec\x39\xae\x44\x8b\xb8\x00\x00\x04\x00\x06\x6a\x6b\x00"
	// for a tail with bytes above 0x7f, which Cassandra sign-extends
	sign := int64(-9223371632693506265)
	for in, want := range map[string]uint64{
		composite:                   uint64(sign),
		"":                          0,
		"hello":                     0xcbd8a7b341bd9b02,
		"hello, world":              0x342fac623a5ebc8e,
		"19 Jan 2038 at 3:14:07 AM": 0xb89e5988b737affc,
		"The quick brown fox jumps over the lazy dog.": 0xcd99481f9ee902c9,
	} {
		if got := uint64(murmur3([]byte(in))); got != want {
			t.Errorf("%q: %x, want %x", in, got, want)
		}
	}
}

func TestGeneration_every_token_has_a_stream_whose_token_is_in_its_range(t *testing.T) {
	t.Parallel()
	for _, ends := range [][]int64{evenEnds(1), evenEnds(2), evenEnds(8), {-5, 0, 7}, {9, -9}} {
		g := newGeneration(0, ends, 0, 0)
		for range 1000 {
			tok := int64(rand.Uint64())
			id := g.stream(tok)
			if string(g.stream(cdcToken(id))) != string(id) {
				t.Fatalf("ends %v: the stream of %d is in another range", ends, tok)
			}
		}
	}
}

// A deletion shadows older writes for a while, also when its timestamp is not a time, as in the
// adapters' views.
func TestPartition_KeepsTombstonesOfSmallTimestamps(t *testing.T) {
	t.Parallel()
	st, _, err := parse("CREATE TABLE k.t (a int, b int, c int, PRIMARY KEY (a, b))")
	if err != nil {
		t.Fatal(err)
	}
	tab, err := (&Sim{}).buildTable(&keyspace{name: "k"}, st.(*createTableStmt))
	if err != nil {
		t.Fatal(err)
	}
	const now = 1_800_000_000
	key := [][]byte{encode(intT, 1)}
	write := func(p *partition, b int, change func(*row)) {
		m := newPartition(tab, key)
		change(m.row([][]byte{encode(intT, b)}))
		p.apply(m, now, now-tombstoneKeep)
	}
	insert := func(ts int64) func(*row) { return func(r *row) { r.marker = cell{ts: ts, value: []byte{}} } }
	p := newPartition(tab, key)
	write(p, 0, func(r *row) { r.del = 2 })
	for b := range 200 { // enough for a compaction
		write(p, b+1, insert(1))
	}
	p.compact(now, now-tombstoneKeep)
	write(p, 0, insert(1))
	if r := p.row([][]byte{encode(intT, 0)}); r.live(p.del, now) {
		t.Error("a row that was deleted at 2 is back by a write of 1")
	}
	p.compact(now+tombstoneKeep+1, now+1)
	if _, found := p.find([][]byte{encode(intT, 0)}); found {
		t.Error("a tombstone is kept for ever")
	}
}
