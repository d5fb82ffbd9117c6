package browser_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// lookFor is how long the Flow page is looked at before its picture, so that its lines have a past.
const lookFor = 6 * time.Second

// followLink goes to another view without a new load, so that the page keeps what it has seen.
const followLink = `((path) => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); scrollTo(0, 0); })`

// TestScreenshots writes a picture of every view into the folder that BROWSER_SHOTS names: in three
// widths and both themes, of a service that is empty, busy and failing.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("BROWSER_SHOTS")
	if folder == "" {
		t.Skip("BROWSER_SHOTS names no folder")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	idle := startService(t)
	busy := startService(t)
	order := busy.shipped("ada")
	busy.demo(60)
	p := newStandIn(t, busy)
	badDay(p, order)
	stop := busy.trickle()
	defer stop()
	for _, width := range []int64{360, 1280, 2560} {
		for _, theme := range []string{"light", "dark"} {
			for day, base := range map[string]string{"empty": idle.url, "busy": busy.url, "failing": p.url} {
				look := view{width: width, height: width * 9 / 16, theme: theme}
				if width < 1000 {
					look.height = 780
				}
				b := open(t, base, "/ui/", look)
				b.await("some history", `document.querySelectorAll('.box').length >= 5`)
				b.do(chromedp.Sleep(lookFor))
				all := views(order)
				for _, name := range slices.Sorted(maps.Keys(all)) {
					b.await("the frame", `document.querySelector('.brand')`)
					eval[any](b, followLink+"("+quoted(all[name])+")")
					b.await("the page", `document.querySelector('h1') && !document.querySelector('.waiting')`)
					b.do(chromedp.Sleep(lookFor / 12))
					picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
					if err != nil {
						t.Fatal(err)
					}
					file := fmt.Sprintf("%s-%s-%d-%s.png", name, day, width, theme)
					if err := os.WriteFile(filepath.Join(folder, file), picture, 0o644); err != nil {
						t.Fatal(err)
					}
					if overflow := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); overflow > 0 {
						t.Errorf("%s is %d pixels wider than its window", file, overflow)
					}
				}
			}
		}
	}
}
