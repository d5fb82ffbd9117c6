package browser_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/remote"
)

// binary is built once for all tests.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "orderflow-browser")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	defer shared.end()
	if _, err := findBrowser(); err == nil {
		binary = filepath.Join(dir, "orderflow")
		build := exec.Command("go", "build", "-o", binary, "orderflow/bootstrap/orderflow")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}

// findBrowser returns the option that names the browser. It returns nil for one at an address.
func findBrowser() (chromedp.ExecAllocatorOption, error) {
	if os.Getenv("CHROME_URL") != "" {
		return nil, nil
	}
	switch path := os.Getenv("CHROME_BIN"); path {
	case "":
	case "none":
		return nil, errors.New("CHROME_BIN is none")
	default:
		return chromedp.ExecPath(path), nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"} {
		if path, err := exec.LookPath(name); err == nil {
			return chromedp.ExecPath(path), nil
		}
	}
	return nil, errors.New("neither CHROME_URL nor CHROME_BIN is set, and there is no chromium on the PATH")
}

// shared is the browser of all tests.
var shared browserProcess

type browserProcess struct {
	once  sync.Once
	ctx   context.Context
	err   error
	close []func()
}

// start starts the browser, or skips the test when there is none.
func (b *browserProcess) start(t *testing.T) context.Context {
	t.Helper()
	option, err := findBrowser()
	if err != nil {
		if os.Getenv("REQUIRE_INTEGRATION") == "1" {
			t.Fatalf("REQUIRE_INTEGRATION is set: %v", err)
		}
		t.Skipf("no browser to test with: %v", err)
	}
	b.once.Do(func() {
		var ctx context.Context
		var end context.CancelFunc
		if option == nil {
			ctx, end = remote.NewAllocator(context.Background(), os.Getenv("CHROME_URL"))
		} else {
			options := append(chromedp.DefaultExecAllocatorOptions[:], option, chromedp.Flag("lang", "en"))
			if os.Getuid() == 0 { // the sandbox refuses to work for root
				options = append(options, chromedp.NoSandbox)
			}
			ctx, end = chromedp.NewExecAllocator(context.Background(), options...)
		}
		b.close = append(b.close, end)
		b.ctx, end = chromedp.NewContext(ctx)
		b.close = append(b.close, end)
		b.err = chromedp.Do(b.ctx)
	})
	if b.err != nil {
		t.Fatalf("start the browser: %v", b.err)
	}
	return b.ctx
}

func (b *browserProcess) end() {
	for i := len(b.close) - 1; i >= 0; i-- {
		b.close[i]()
	}
}
