// Package settings fills in the flags that a command line left out: from the environment, from a YAML file, and from what a data
// directory was last served with.
//
// Flags, environment and file say the same things under the same names: --log-level is ORDERFLOW_LOG_LEVEL and the line
// "log-level: debug". A flag wins over the environment, the environment over the file, and the file over what is remembered.
//
// Every value is text until the flag reads it. YAML has types of its own, and its rules would turn 0123 into 83 and 1.10 into 1.1,
// so a value of the file is taken as it is written there.
//
// A name that no flag has is an error, in the environment as well as in the file: a setting that is misspelt would silently not
// be set. The error names the nearest name that there is.
package settings
