package bootstrap_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"orderflow/bootstrap"
)

// The whole service in one process, on a free port and a temporary directory.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
	}
	defer os.RemoveAll(dir)
	config := bootstrap.DefaultConfig()
	config.Data, config.Listen = dir, "127.0.0.1:0"

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	app, err := bootstrap.Open(ctx, config, bootstrap.Environment{Logger: slog.New(slog.DiscardHandler), Stdout: io.Discard})
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error)
	go func() { ended <- app.Run(ctx) }()

	if err := app.WaitReady(ctx, time.Minute); err != nil {
		fmt.Println(err)
	}
	answer, err := http.Get(app.URL() + "/readyz")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	fmt.Println(answer.Status)

	stop()
	fmt.Println(<-ended, app.Close())

	// Output:
	// 200 OK
	// <nil> <nil>
}
