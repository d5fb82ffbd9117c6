package shell

import (
	"path/filepath"
	"strings"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/settings"
)

// Remembered says which settings 'serve' writes into the data directory, for tools that start a
// service on it. Such a service must not publish to another target or keep events for another time.
//
// Not stored are settings of one process (data, listen, auth, allowed-hosts, url, log-level,
// config, chaos), settings of a store without a data directory (scylla-…), and passwords.
func (sh *Shell) Remembered() settings.Rules {
	binding, tuning := settings.Rule{Binding: true}, settings.Rule{}
	path := settings.Rule{Binding: true, Canonical: absolute}
	return settings.Rules{
		"retention":                settings.Rule{Binding: true},
		"sink":                     settings.Rule{Binding: true, Canonical: sh.absoluteSink},
		"source":                   binding,
		"consumers":                binding,
		"rollback-grace":           binding,
		"brokers":                  binding,
		"group-prefix":             binding,
		"topic":                    binding,
		"topic-partitions":         binding,
		"topic-replication-factor": binding,
		"topic-must-exist":         binding,
		"allow-compacted":          binding,
		"topic-compression":        tuning,
		"topic-metadata":           binding,
		"redpanda-tls":             binding,
		"redpanda-ca":              path,
		"redpanda-cert":            path,
		"redpanda-key":             path,
		"redpanda-server-name":     binding,
		"redpanda-sasl":            binding,
		"redpanda-username":        binding,
		"redpanda-timeout":         tuning,
		"personal-key":             path,
		"personal-keys":            path,
		"publish-personal":         binding,
		"customer-ids":             binding,
		"lanes":                    tuning,
		"publish-lanes":            tuning,
		"publish-from":             tuning,
		"state-cache":              tuning,
		"max-events-per-order":     tuning,
		"snapshot-every":           tuning,
		"reconcile-every":          tuning,
		"reconcile-rate":           tuning,
		"max-lag-before-pushback":  tuning,
		"heartbeat":                tuning,
		"streams":                  tuning,
		"streams-per-client":       tuning,
		"shutdown-timeout":         tuning,
	}
}

// absolute makes a path independent of the working directory, if it is not empty.
func absolute(path string) string {
	if path == "" {
		return ""
	}
	if whole, err := filepath.Abs(path); err == nil {
		return whole
	}
	return path // without a working directory there is no other form
}

// absoluteSink does the same for --sink. The default sink moves with the data directory.
func (sh *Shell) absoluteSink(sink string) string {
	path, isFile := strings.CutPrefix(sink, "file:")
	if !isFile {
		return sink
	}
	if path = absolute(path); path == absolute(filepath.Join(sh.Config.Data, bootstrap.DefaultSinkName)) {
		return ""
	}
	return "file:" + path
}
