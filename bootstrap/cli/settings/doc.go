// Package settings fills in the flags that a command line left out: from the environment, from a
// YAML file, and from the settings that a data directory was last served with.
//
// Flags, environment and file have the same settings under the same names: --log-level is
// ORDERFLOW_LOG_LEVEL and the line "log-level: debug". A flag wins over the environment, the
// environment over the file, and the file over the stored settings.
//
// Every value is text until the flag parses it. YAML has its own types, and its rules would turn
// 0123 into 83 and 1.10 into 1.1. So a value of the file is used as it is written there.
//
// A name that no flag has is an error, in the environment and in the file. Otherwise a misspelt
// setting would silently have no effect. The error names the nearest name that exists.
package settings
