package shell

import (
	"github.com/spf13/cobra"

	"orderflow/bootstrap"
	"orderflow/bootstrap/cli/settings"
)

// Equip adds the common flags, help and messages to the root of all commands.
func (sh *Shell) Equip(root *cobra.Command) {
	root.Annotations = map[string]string{needAnnotation: string(IsService)}
	root.SetIn(sh.In)
	root.SetOut(sh.Out)
	root.SetErr(sh.Err)
	root.Version = bootstrap.Version()
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { sh.help(cmd) })
	root.SetUsageFunc(func(cmd *cobra.Command) error { return sh.usage(cmd, cmd.OutOrStderr()) })
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usageOf(flagError(cmd, err)) })

	flags := root.PersistentFlags()
	flags.Var(&sh.helpAll, helpAllFlag, "help with all flags")
	flags.Lookup(helpAllFlag).NoOptDefVal = "true"
	flags.String(settings.ConfigFlag, "", "YAML file with settings, named like the flags")
	flags.StringVar((*string)(&sh.Config.Store), "store", string(sh.Config.Store), "kind of the store: embedded or scylla")
	flags.StringVar(&sh.Config.Data, "data", sh.Config.Data, "directory of the embedded store")
	flags.StringVar(&sh.Config.Listen, "listen", sh.Config.Listen, "address of the HTTP API; port 0 takes a free one")
	flags.StringSliceVar(&sh.Config.AllowedHosts, "allowed-hosts", nil,
		"names that requests may have in Host besides localhost (default any, and on a loopback address no others)")
	flags.DurationVar(&sh.Config.Retention, "retention", sh.Config.Retention,
		"how long the change feed keeps events; the event store keeps them for ever")
	flags.StringVar(&sh.Config.Sink, "sink", sh.Config.Sink,
		"where events are published as CloudEvents: stdout, none, redpanda or file:PATH (default file:DATA/order-events.jsonl)")
	flags.IntVar(&sh.Config.Lanes, "lanes", sh.Config.Lanes, "batches that each consumer handles at once (default 2, and 32 on ScyllaDB)")
	flags.IntVar(&sh.Config.PublishLanes, "publish-lanes", sh.Config.PublishLanes,
		"batches that the publisher handles at once (default 4, and 8 to a topic)")
	flags.IntVar(&sh.Config.StateCache, "state-cache", sh.Config.StateCache,
		"MiB of memory for the states of orders between their commands; 0 keeps none")
	flags.IntVar(&sh.Config.SnapshotEvery, "snapshot-every", sh.Config.SnapshotEvery,
		"events between two snapshots of an order; shorter histories have none, and 0 keeps none")
	flags.IntVar(&sh.Config.MaxEvents, "max-events-per-order", sh.Config.MaxEvents,
		"events that an order may have; its commands are refused beyond that, and 0 sets no bound")
	flags.StringSliceVar(&sh.Config.Consumers, "consumers", nil, "consumers that may run in this process (default all)")
	flags.StringVar(&sh.Config.PersonalKey, "personal-key", "",
		"file with 32 bytes, hex or base64, with which personal data is sealed so that it can be erased (default not sealed)")
	flags.StringVar(&sh.Config.PersonalKeys, "personal-keys", "",
		"directory for the keys of customers on the embedded store (default DATA.keys)")
	flags.StringVar((*string)(&sh.Config.PublishPersonal), "publish-personal", string(sh.Config.PublishPersonal),
		"what is published of sealed personal data: omit, sealed or plain")
	flags.StringVar((*string)(&sh.Config.CustomerIDs), "customer-ids", string(sh.Config.CustomerIDs),
		"what is stored as the id of a customer: plain, or hashed with the personal key; a store with events keeps its kind")
	flags.StringVar((*string)(&sh.Config.PublishFrom), "publish-from", string(sh.Config.PublishFrom),
		"what a new target of the publisher gets: beginning (every event) or now (new events)")
	flags.BoolVar(&sh.Config.AcceptLoss, "accept-loss", false,
		"publish, and read the topic, although it has events of another store that this one does not have")
	flags.DurationVar(&sh.Config.ReconcileEvery, "reconcile-every", sh.Config.ReconcileEvery,
		"time between two background checks of all orders")
	flags.IntVar(&sh.Config.ReconcileRate, "reconcile-rate", sh.Config.ReconcileRate,
		"orders a second in a background check; with 1000, 10 million orders take 2h47m")
	flags.DurationVar(&sh.Config.MaxLag, "max-lag-before-pushback", sh.Config.MaxLag,
		"how far a working consumer may be behind before commands are refused; 0 never refuses them")
	flags.BoolVar(&sh.Config.Chaos, "chaos", false, "let 'orderflow chaos' make faults, for practice, on this machine only")
	flags.DurationVar(&sh.Config.Heartbeat, "heartbeat", sh.Config.Heartbeat,
		"time between two heartbeats through the change feed")
	flags.DurationVar(&sh.Config.RollbackGrace, "rollback-grace", sh.Config.RollbackGrace,
		"how long the previous generation of a view is kept after a rebuild")
	flags.IntVar(&sh.Config.MostStreams, "streams", sh.Config.MostStreams, "live streams that clients may have open")
	flags.IntVar(&sh.Config.MostStreamsOfClient, "streams-per-client", sh.Config.MostStreamsOfClient,
		"live streams that one client address may have open")
	flags.DurationVar(&sh.Config.ShutdownTimeout, "shutdown-timeout", sh.Config.ShutdownTimeout,
		"highest duration of each step of a stop")
	flags.StringVar(&sh.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&sh.logFormat, "log-format", "text", "text or json")
	flags.BoolVar(&sh.accessLog, "access-log", false,
		"write each request to the standard error, as a line of JSON with the names of OpenTelemetry")
	sh.accessFlags(flags)
	sh.scyllaFlags(flags)
	sh.redpandaFlags(flags)
	flags.StringVar(&sh.url, "url", "", "address of the service to talk to, instead of the one that runs on --data")
}
