package scyllasim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// release is a version of the server: the open source one up to 6.2, and by year after that. The
// enterprise editions of 2021 to 2024 are counted as the open source ones they come from.
type release struct{ major, minor int }

// enterprise are the open source versions of the editions by year before 2025.
var enterprise = map[release]release{
	{2021, 1}: {4, 3}, {2022, 1}: {5, 0}, {2022, 2}: {5, 1}, {2023, 1}: {5, 2}, {2024, 1}: {5, 4}, {2024, 2}: {6, 0},
}

func releaseOf(version string) release {
	parts := append(strings.FieldsFunc(version, func(r rune) bool { return r < '0' || r > '9' }), "0", "0")
	major, _ := strconv.Atoi(parts[0])
	minor, _ := strconv.Atoi(parts[1])
	r := release{major, minor}
	if open, ok := enterprise[r]; ok {
		return open
	}
	return r
}

func (r release) since(major, minor int) bool {
	return cmp.Or(cmp.Compare(r.major, major), cmp.Compare(r.minor, minor)) >= 0
}

// since reports whether the simulated server is of a version or later.
func (s *Sim) since(major, minor int) bool { return releaseOf(s.opts.Version).since(major, minor) }

// optionsSince are the table options that not every version knows, with the first one that does.
var optionsSince = map[string]release{
	"tombstone_gc": {5, 0}, "per_partition_rate_limit": {5, 1}, "synchronous_updates": {5, 1},
	"tablets": {2025, 1}, "large_data_guardrails_enabled": {2026, 3},
}

// tabletOptionsSince are the entries of the table option tablets.
var tabletOptionsSince = map[string]release{
	"min_tablet_count": {2025, 4}, "min_per_shard_tablet_count": {2025, 1}, "expected_data_size_in_gb": {2025, 1},
	"max_tablet_count": {2026, 2},
}

// tombstoneModes are the modes of tombstone_gc.
var tombstoneModes = []string{"timeout", "repair", "disabled", "immediate"}

// checkOption refuses a table option that this version of the server does not know.
func (s *Sim) checkOption(name string) error {
	if first, ok := optionsSince[name]; ok && !s.since(first.major, first.minor) {
		return syntaxErr("Unknown property '%s'", name)
	}
	return nil
}

// setTombstones sets tombstone_gc.
func (t *table) setTombstones(m map[string]string) error {
	mode, ok := m["mode"]
	if !ok || !slices.Contains(tombstoneModes, mode) {
		return configErr("tombstone_gc option with mode %q is not supported", mode)
	}
	t.options.tombstones = m
	return nil
}

// setTablets sets the tablets of a table. The count is a power of two of at least the minimum.
func (s *Sim) setTablets(t *table, m map[string]string) error {
	if !t.ks.tablets {
		return configErr("tablets cannot be set for table %s: its keyspace has none", t.fullName())
	}
	for name, value := range m {
		first, ok := tabletOptionsSince[name]
		if !ok || !s.since(first.major, first.minor) {
			return configErr("Unknown tablet option '%s'", name)
		}
		if _, err := strconv.Atoi(value); err != nil {
			return configErr("Invalid value for tablet option %s: %s", name, value)
		}
	}
	t.options.tablets = m
	return nil
}

// tabletCount is the number of tablets that the options ask for, between the least and the most.
func (t *table) tabletCount() int {
	count := tabletsPerTable
	least, _ := strconv.Atoi(t.options.tablets["min_tablet_count"])
	most, err := strconv.Atoi(t.options.tablets["max_tablet_count"])
	for count < least {
		count *= 2
	}
	for err == nil && count > max(most, 1) {
		count /= 2
	}
	return count
}

// garbage gives a new table the server's default of tombstone_gc, where that is not by time.
func (s *Sim) garbage(t *table) {
	later := t.ks.tablets && t.ks.rf > 1 && s.since(6, 0) || s.since(2026, 2)
	if t.options.tombstones == nil && later && t.base == nil {
		t.options.tombstones = map[string]string{"mode": "repair"}
	}
}
