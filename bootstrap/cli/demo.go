package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"orderflow/bootstrap/cli/client"
	"orderflow/bootstrap/cli/operate"
	"orderflow/bootstrap/cli/shell"
	"orderflow/bootstrap/cli/shop"
)

func (sh tools) demoCommand() *cobra.Command {
	var orders int
	var rate float64
	var seed uint64
	var follow bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Place realistic orders",
		Long: `Place orders of invented customers through the API, and take each through a part of its life: some are changed, some
cancelled, most confirmed, shipped and delivered. Then wait for the consumers and show them.

With --follow the shop never closes: orders come at --rate, by default 2 a second, and each goes through its life between
all others. Now and then somebody wants what a rule refuses. Ctrl-C ends it.`,
		Args: shell.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if orders < 1 {
				return shell.Bad("orders", "%d is below 1", orders)
			}
			if follow && rate == 0 && !cmd.Flags().Changed("rate") {
				rate = 2
			}
			if follow && cmd.Flags().Changed("orders") {
				return shell.Bad("orders", "it has no effect with --follow, which goes on until it is stopped")
			}
			if follow && !(rate >= 0.001 && rate <= 1e4) { // this also refuses NaN
				return shell.Bad("rate", "%g is not 0.001 to 10000, as --follow needs it", rate)
			}
			if rate != 0 && !(rate >= 0.001 && rate <= 1e6) { // this also refuses NaN
				return shell.Bad("rate", "%g is neither 0 nor 0.001 to 1e+06", rate)
			}
			return sh.Attached(cmd, shell.Creates, func(ctx context.Context, c *client.Client) error {
				if follow {
					return sh.demoFollow(ctx, &shop.Living{Client: c, PerSecond: rate, Seed: seed})
				}
				return sh.demo(ctx, &shop.Shop{Client: c, Orders: orders, PerSecond: rate, Seed: seed})
			})
		},
	}
	cmd.Flags().IntVar(&orders, "orders", 200, "how many orders to place")
	cmd.Flags().Float64Var(&rate, "rate", 0, "orders a second; 0 as fast as the service answers")
	cmd.Flags().Uint64Var(&seed, "seed", rand.Uint64(), "the same seed places the same orders")
	cmd.Flag("seed").DefValue = "random"
	cmd.Flags().BoolVar(&follow, "follow", false, "go on until stopped")
	return shell.Creates.Declare(cmd)
}

func (sh tools) demo(ctx context.Context, s *shop.Shop) error {
	var commands atomic.Int64
	meter := sh.Progress("placing orders", "orders")
	defer meter.Stop()
	var placed atomic.Uint64
	s.Placed = func(n int) {
		commands.Add(int64(n))
		meter.Set(placed.Add(1), uint64(s.Orders))
	}
	began := time.Now()
	if err := s.Run(ctx); err != nil {
		return &shell.Interruption{
			Means: fmt.Sprintf("what was placed until then is kept (%d commands)", commands.Load()), Err: err,
		}
	}
	meter.Stop()
	took := time.Since(began)
	fmt.Fprintf(sh.Out, "%d orders, %d commands in %s\n\n", s.Orders, commands.Load(), took.Round(time.Millisecond))
	statuses, err := operate.Settle(ctx, sh.Shell, s.Client)
	if err != nil {
		return &shell.Interruption{Means: "every order was placed, but the consumers were not waited for", Err: err}
	}
	return operate.PrintConsumers(sh.Out, statuses, time.Now())
}

// demoFollow goes on until it is stopped. That is its normal end.
func (sh tools) demoFollow(ctx context.Context, s *shop.Living) error {
	fmt.Fprintf(sh.Err, "orders come at %g a second, until Ctrl-C\n", s.PerSecond)
	began := time.Now()
	err := s.Run(ctx)
	done := s.Counts()
	fmt.Fprintf(sh.Out, "%d orders, %d commands in %s; rules refused %d of them\n", done.Orders, done.Commands,
		time.Since(began).Round(time.Second), done.Refused)
	return err
}
