package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestTools_findTheServiceOrStartOne(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if out, status := tool(t, "demo", "--orders=20", "--seed=1", "--data="+data); status != 0 || !strings.Contains(out, "20 orders") {
		t.Fatalf("demo without a service: %d\n%s", status, out)
	}
	check := func(how, state string) {
		await(t, how+": all consumers to be "+state, func() bool {
			out, status := tool(t, "consumers", "--data="+data)
			if status != 0 {
				t.Fatalf("%s: consumers: exit status %d\n%s", how, status, out)
			}
			for _, name := range []string{"order-read-model", "orders-by-customer", "orders-by-status", "orders-by-sku", "file-publisher"} {
				if !regexp.MustCompile(`(?m)^` + name + `\b.*\b` + state + `\b`).MatchString(out) {
					return false
				}
			}
			return true
		})
		for _, test := range []struct {
			args []string
			want []string
		}{
			{[]string{"verify"}, []string{"every view equals the fold"}},
			{[]string{"inspect", "event_store", "--limit=2"}, []string{"aggregate_id", "sequence_number", "head", "command_id", "created_at", "order.created", "more"}},
			{[]string{"inspect", "--limit=500"}, []string{"outbox_messages", "order_read_model", "orders_by_customer", "orders_by_status", "orders_by_sku", "payment_reference"}},
		} {
			out, status := tool(t, append(test.args, "--data="+data)...)
			if status != 0 {
				t.Errorf("%s: %v: exit status %d\n%s", how, test.args, status, out)
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("%s: %v: no %q in\n%s", how, test.args, want, out)
				}
			}
		}
	}
	check("without a service", "stopped") // a tool that only reads runs no consumers
	s := start(t, data)
	check("with a service", "running")
	if out, status := tool(t, "inspect", "nothing", "--data="+data); status != 1 || !strings.Contains(out, "nothing") {
		t.Errorf("an unknown table: %d\n%s", status, out)
	}
	s.stop(t)
}

func TestTools_sayWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"verify", "--data=" + filepath.Join(dir, "nowhere")}, 1, "there is no data in"},
		{[]string{"--lanes=-1", "--data=" + dir}, 2, "lanes: -1"},
		{[]string{"--sink=carrier-pigeon", "--data=" + dir}, 2, "sink:"},
		{[]string{"--log-level=loud", "--data=" + dir}, 2, "log-level:"},
		{[]string{"--no-such-flag"}, 2, "no-such-flag"},
		{[]string{"fly"}, 2, "fly"},
		{[]string{"submit"}, 2, "needs FILE"},
		{[]string{"submit", filepath.Join(dir, "missing.jsonl"), "--data=" + dir}, 1, "missing.jsonl"},
		{[]string{"consumers", "--url=http://127.0.0.1:1"}, 1, "127.0.0.1:1"},
	} {
		if out, status := tool(t, test.args...); status != test.status || !strings.Contains(out, test.want) {
			t.Errorf("%v: exit status %d, want %d with %q:\n%s", test.args, status, test.status, test.want, out)
		}
	}
	if out, status := tool(t, "version"); status != 0 || !strings.Contains(out, "orderflow 0.") {
		t.Errorf("version: %d %s", status, out)
	}
}

// script writes a file of commands. Orders are created, changed and paid. Some commands are refused
// although they would succeed later.
func script(t *testing.T, orders int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "commands.jsonl")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriter(file)
	for step := range 5 {
		for n := range orders {
			id := uuid.NewSHA1(uuid.Nil, fmt.Append(nil, n)).String()
			line := map[string]any{"order_id": id}
			switch step {
			case 0:
				line["command"], line["customer_id"], line["currency"] = "create_order", fmt.Sprint("c", n%7), "EUR"
				line["items"] = json.RawMessage(oneItem)
			case 1: // refused: not paid yet
				line["command"], line["carrier"], line["tracking_number"] = "ship_order", "early", "0"
			case 2:
				line["command"], line["items"] = "update_items", json.RawMessage(`[{"sku":"B","quantity":1,"unit_price":5}]`)
			case 3:
				line["command"], line["payment_reference"] = "confirm_order", "P"
			case 4:
				line["command"], line["carrier"], line["tracking_number"] = "ship_order", "DHL", fmt.Sprint(n)
			}
			text, err := json.Marshal(line)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(out, string(text))
		}
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A submission that is killed and repeated ends with the events of one run, whether or not the
// service is killed with it.
func TestSubmit_killedAndRepeatedEndsAsOneRun(t *testing.T) {
	t.Parallel()
	orders := 1_000
	if testing.Short() {
		orders = 100
	}
	for _, alone := range []bool{true, false} {
		t.Run(map[bool]string{true: "with a service of its own", false: "with a running service"}[alone], func(t *testing.T) {
			t.Parallel()
			input, data := script(t, orders), t.TempDir()
			if !alone {
				start(t, data)
			}
			for kill := range 3 {
				cmd := exec.Command(binary, "submit", input, "--data="+data)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				await(t, "the submission to get ahead", func() bool {
					journal, _ := os.ReadFile(input + ".journal")
					return strings.Count(string(journal), "\n") > (kill+1)*orders
				})
				cmd.Process.Kill()
				cmd.Wait()
			}
			out, status := tool(t, "submit", input, "--data="+data)
			if want := fmt.Sprintf("%d accepted, %d refused", 4*orders, orders); status != 3 || !strings.Contains(out, want) {
				t.Fatalf("exit status %d, want 3 with %q:\n%s", status, want, out)
			}
			if !strings.Contains(out, "order_not_confirmed") || !strings.Contains(out, fmt.Sprintf("line %d:", orders+1)) {
				t.Errorf("no report of the refusals:\n%s", out)
			}
			out, status = tool(t, "verify", "--data="+data)
			if want := fmt.Sprintf("%d orders, %d events", orders, 4*orders); status != 0 || !strings.Contains(out, want) {
				t.Errorf("verify: exit status %d, want %q:\n%s", status, want, out)
			}
		})
	}
}

func TestSubmit_readsStandardInput(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	id := uuid.New()
	cmd := exec.Command(binary, "submit", "-", "--data="+s.data)
	cmd.Stdin = strings.NewReader(fmt.Sprintf(`{"command":"create_order","order_id":%q,"customer_id":"c","currency":"EUR","items":%s}`, id, oneItem))
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "1 accepted, 0 refused") {
		t.Fatalf("%v\n%s", err, out)
	}
	s.call(t, http.StatusOK, "GET", "/v1/orders/"+id.String()+"/events", "")
}

// The journal of a file belongs to the store that answered. In another store everything must still
// be done, and also at the same address when its data is gone.
func TestSubmit_theJournalIsOfOneStore(t *testing.T) {
	t.Parallel()
	input, data, other := script(t, 3), t.TempDir(), t.TempDir()
	verified := func(data string) {
		t.Helper()
		if out, status := tool(t, "verify", "--data="+data); status != 0 || !strings.Contains(out, "3 orders, 12 events") {
			t.Errorf("verify: exit status %d\n%s", status, out)
		}
	}
	submit := func(data string, says string, args ...string) {
		t.Helper()
		out, status := tool(t, append(args, "submit", input, "--data="+data)...)
		if status != 3 || !strings.Contains(out, says) {
			t.Errorf("exit status %d, want 3 with %q:\n%s", status, says, out)
		}
	}
	submit(data, "12 accepted, 3 refused; 15 sent")
	submit(data, "(15 of them answered in an earlier run); 0 sent")
	submit(other, "12 accepted, 3 refused; 15 sent")
	verified(other)
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(data, moved); err != nil {
		t.Fatal(err)
	}
	submit(moved, "(15 of them answered in an earlier run); 0 sent")
	submit(data, "12 accepted, 3 refused; 15 sent") // where the data is gone
	verified(data)
}
