package cli

import (
	"strings"
	"testing"
)

// Each fault is made, is to be seen, and ends.
func TestChaos(t *testing.T) {
	t.Parallel()
	s := serveHere(t, "--chaos", "--data="+t.TempDir())
	url := "--url=" + urlOf(t, s)
	const order = "018f4e5a-0000-7000-8000-000000000003"
	want(t, 0, "no fault goes on", "chaos", url)
	for _, fault := range []string{"poison orders-by-sku " + order, "slow orders-by-status", "silence orders-by-customer", "full-disk"} {
		want(t, 0, "What to do:", append([]string{"chaos", url, "--for=1h"}, strings.Fields(fault)...)...)
		want(t, 0, fault+" ", "chaos", url)
	}
	want(t, 1, "storage_full", "demo", "--orders=1", url)
	want(t, 0, "", "chaos", "end", url)
	want(t, 0, "no fault goes on", "chaos", url)
	want(t, 0, "1 orders", "demo", "--orders=1", url)
	want(t, 0, "begin-fault", "operations", url)

	want(t, 1, "order-read-model", "chaos", "slow", "everything", url)
	want(t, 1, "UUID", "chaos", "poison", "orders-by-sku", "x", url)
	want(t, 2, "orderflow chaos poison CONSUMER ORDER", "chaos", "poison", "orders-by-sku", url)
	s.stop(t)
}

func TestChaos_isForPracticeOnly(t *testing.T) {
	t.Parallel()
	s := serveHere(t, "--data="+t.TempDir())
	want(t, 1, "orderflow serve --chaos", "chaos", "full-disk", "--url="+urlOf(t, s))
	s.stop(t)
	want(t, 2, "--chaos", "serve", "--chaos", "--listen=0.0.0.0:0", "--insecure", "--data="+t.TempDir())
	want(t, 2, "--chaos", "serve", "--chaos", "--store=scylla", "--scylla-hosts=127.0.0.1", "--data="+t.TempDir())
}
