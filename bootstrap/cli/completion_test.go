package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"orderflow/bootstrap/cli/shell"
	"orderflow/domain/order"
)

// completed returns what a shell is offered after a command line whose last word is not complete.
func completed(t *testing.T, args ...string) []string {
	t.Helper()
	out, errs, status := command(t, append([]string{"__completeNoDesc"}, args...)...)
	if status != 0 {
		t.Fatalf("%v: exit status %d\n%s", args, status, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	// the last line is for the script
	return slices.DeleteFunc(lines[:len(lines)-1], func(offer string) bool {
		word := args[len(args)-1]
		return !strings.HasPrefix(offer, word[strings.Index(word, "=")+1:]) // as shells do it
	})
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	data := "--data=" + t.TempDir()
	s := newFakeService(t, map[string][]string{
		"GET /v1/consumers": {consumersAre(apiRunning, apiFailing)}, "GET /v1/tables": {`200 {"tables":["event_store","shipments"]}`},
	})
	url := "--url=" + s.url
	static := []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku", "file-publisher"}
	for _, test := range []struct {
		args []string
		want []string
	}{
		// without a service, what this program has
		{[]string{"consumers", "pause", data, ""}, static},
		{[]string{"consumers", "rebuild", data, "--sink=none", ""}, static[:4]},
		{[]string{"parked", "retry", data, "orders-by-s"}, []string{"orders-by-status", "orders-by-sku"}},
		{[]string{"inspect", data, "e"}, []string{"event_store"}},
		{[]string{"inspect", data, "event_store", "outbox_messages", ""}, []string{"order_read_model", "orders_by_customer", "orders_by_status", "orders_by_sku"}},
		// otherwise what the service says
		{[]string{"consumers", "pause", url, ""}, []string{"a", "p"}},
		{[]string{"consumers", "--only", url, ""}, nil}, // --only takes the address
		{[]string{"consumers", url, "--only", ""}, []string{"a", "p"}},
		{[]string{"parked", "show", url, ""}, []string{"a", "p"}},
		{[]string{"parked", "ls", url, "p"}, []string{"p"}},
		{[]string{"inspect", url, "event_store", ""}, []string{"shipments"}},
		// an order and a number of a service are not known
		{[]string{"parked", "show", url, "p", ""}, nil},
		// values of flags
		{[]string{"consumers", "--output", ""}, []string{"table", "json"}},
		{[]string{"version", "-o", "j"}, []string{"json"}},
		{[]string{"consumers", "--check="}, []string{"all", "ready"}},
		{[]string{"--log-level", ""}, []string{"debug", "info", "warn", "error"}},
		{[]string{"serve", "--store", ""}, []string{"embedded", "scylla"}},
		{[]string{"tail", "--status", ""}, []string{"ACTIVE", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED"}},
		{[]string{"consumers", "reset", "a", "--to", ""}, []string{"begin", "now"}},
		{[]string{"token", "create", "--role", "a"}, []string{"admin"}},
		{[]string{"demo", "--orders", ""}, nil},
		// commands
		{[]string{"consumers", "re"}, []string{"rebuild", "reset", "resume"}},
		{[]string{"completion", "b"}, []string{"bash"}},
	} {
		got := completed(t, test.args...)
		if !slices.Equal(got, test.want) && len(got)+len(test.want) > 0 {
			t.Errorf("%v: %q, want %q", test.args, got, test.want)
		}
	}
	for _, status := range []order.Status{order.Active, order.Confirmed, order.Shipped, order.Delivered, order.Cancelled} {
		if !slices.Contains(completed(t, "tail", "--status", ""), string(status)) {
			t.Errorf("the status %s is not completed", status)
		}
	}
}

// The scripts exist, and README and help say so.
func TestCompletion_scripts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bash", "zsh", "fish"} {
		if out, errs, status := command(t, "completion", name); status != 0 || !strings.Contains(out, "__complete") {
			t.Errorf("%s: exit status %d\n%s", name, status, errs)
		}
	}
	want(t, 0, "completion", "--help")
	want(t, 0, "source <(orderflow completion bash)", "completion", "--help")
}

// A flag whose help lists its values offers them.
func TestCompletion_ofFlagsWithValues(t *testing.T) {
	t.Parallel()
	root := newRoot(shell.New(Process{}))
	var each func(*cobra.Command)
	each = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			lists := f.Value.Type() == "string" && (strings.Contains(f.Usage, " or ") && !strings.Contains(f.Usage, "(or ") && !strings.Contains(f.Usage, "such as")) || f.Value.Type() == "format"
			if _, offered := cmd.GetFlagCompletionFunc(f.Name); lists && !offered {
				t.Errorf("%s --%s offers nothing: %s", cmd.CommandPath(), f.Name, f.Usage)
			}
		})
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(root)
}
