// Package metrics exports to Prometheus what the parts of the service know about themselves.
//
// Every figure is read at the scrape, so it is never older than the scrape. What cannot be read is
// left out, and the other figures are still served. The names begin with "orderflow_".
package metrics
