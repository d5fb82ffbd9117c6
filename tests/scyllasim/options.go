package scyllasim

import (
	"encoding/binary"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// cdcOptions are the values of WITH cdc = {...}.
type cdcOptions struct {
	enabled   bool
	preimage  string // false, true, full
	postimage bool
	delta     string // full, keys
	ttl       int
}

func defaultTableOptions() tableOptions {
	return tableOptions{
		gcGrace: 864000,
		maps: map[string]map[string]string{
			"caching":     {"keys": "ALL", "rows_per_partition": "ALL"},
			"compaction":  {"class": "SizeTieredCompactionStrategy"},
			"compression": {"sstable_compression": "org.apache.cassandra.io.compress.LZ4Compressor"},
		},
	}
}

// ignoredOptions are accepted and have no effect here.
var ignoredOptions = map[string]bool{
	"bloom_filter_fp_chance": true, "crc_check_chance": true, "dclocal_read_repair_chance": true, "max_index_interval": true,
	"memtable_flush_period_in_ms": true, "min_index_interval": true, "read_repair_chance": true, "speculative_retry": true,
	"paxos_grace_seconds": true, "per_partition_rate_limit": true, "synchronous_updates": true,
	"large_data_guardrails_enabled": true,
}

func (s *Sim) setOptions(t *table, props map[string]property) error {
	if t.options.maps == nil {
		t.options = defaultTableOptions()
	}
	for name, p := range props {
		if err := s.checkOption(name); err != nil {
			return err
		}
		var err error
		switch name {
		case "tombstone_gc":
			if err := t.setTombstones(p.m); err != nil {
				return err
			}
		case "tablets":
			if err := s.setTablets(t, p.m); err != nil {
				return err
			}
		case "default_time_to_live":
			t.options.ttl, err = strconv.Atoi(p.text)
		case "gc_grace_seconds":
			t.options.gcGrace, err = strconv.Atoi(p.text)
		case "comment":
			t.options.comment = p.text
		case "compaction", "caching", "compression":
			m := map[string]string{}
			for k, v := range p.m {
				m[k] = v
			}
			if c, ok := m["class"]; ok {
				m["class"] = c[strings.LastIndexByte(c, '.')+1:]
			}
			t.options.maps[name] = m
		case "cdc":
			t.cdc, err = parseCDC(p.m)
		default:
			if !ignoredOptions[name] {
				return syntaxErr("Unknown property '%s'", name)
			}
		}
		if err != nil {
			return configErr("Invalid value for %s: %v", name, err)
		}
	}
	if t.cdc.enabled && len(props) > 0 {
		return t.checkCDCName()
	}
	return nil
}

func (t *table) checkCDCName() error {
	if strings.HasSuffix(t.name, cdcSuffix) {
		return invalid("Cannot create a CDC log of the CDC log %s", t.fullName())
	}
	return nil
}

func parseCDC(m map[string]string) (cdcOptions, error) {
	o := cdcOptions{preimage: "false", delta: "full", ttl: 86400}
	for k, v := range m {
		var err error
		switch k {
		case "enabled":
			o.enabled, err = strconv.ParseBool(v)
		case "postimage":
			o.postimage, err = strconv.ParseBool(v)
		case "preimage":
			if o.preimage = v; v != "false" && v != "true" && v != "full" {
				err = fmt.Errorf("preimage %q", v)
			}
		case "delta":
			if o.delta = v; v != "full" && v != "keys" {
				err = fmt.Errorf("delta %q", v)
			}
		case "ttl":
			o.ttl, err = strconv.Atoi(v)
		default:
			err = fmt.Errorf("unknown option %q", k)
		}
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

// extension returns the options in the form of system_schema.tables.
func (o cdcOptions) extension() []byte { return extension(o.options()) }

func (o cdcOptions) options() map[string]string {
	return map[string]string{
		"delta": o.delta, "enabled": strconv.FormatBool(o.enabled), "postimage": strconv.FormatBool(o.postimage),
		"preimage": o.preimage, "ttl": strconv.Itoa(o.ttl),
	}
}

// extension returns a little-endian map of texts.
func extension(m map[string]string) []byte {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(keys)))
	for _, k := range keys {
		for _, s := range []string{k, m[k]} {
			out = binary.LittleEndian.AppendUint32(out, uint32(len(s)))
			out = append(out, s...)
		}
	}
	return out
}

// logCompaction is the compaction of a CDC log: at most 24 windows within its TTL.
func logCompaction(ttl int) map[string]string {
	minutes := max(ttl/60/24, 1)
	return map[string]string{
		"class": "TimeWindowCompactionStrategy", "compaction_window_unit": "MINUTES", "compaction_window_size": strconv.Itoa(minutes),
		"expired_sstable_check_frequency_seconds": strconv.Itoa(max(minutes*60/2, 1)),
	}
}
