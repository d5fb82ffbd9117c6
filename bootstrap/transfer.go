package bootstrap

import (
	"context"
	"errors"
	"log/slog"

	"orderflow/adapters/embedded"
	"orderflow/adapters/exportfile"
	"orderflow/adapters/httpapi/endpoint"
	"orderflow/adapters/httpapi/keepapi"
	"orderflow/application/transfer"
	"orderflow/ports"
)

// keepRoutes returns the routes that copy what is stored out of the service.
func (a *App) keepRoutes() (endpoint.Resource, error) {
	return keepapi.New(keepapi.Config{
		Exporter:     transfer.NewExporter(exportSource{a.store, a.store, a.store.tails}),
		Backups:      a.store.backups,
		AppendRecord: exportfile.AppendRecord,
	})
}

// exportSource is what an export reads.
type exportSource struct {
	ports.RecordLister
	ports.HistoryPager
	ports.FeedTail
}

// importWorkers is how many orders are imported at once. Their commands share the syncs of the
// embedded store.
const importWorkers = 64

// ImportOptions say how to import.
type ImportOptions struct {
	// Publish, DryRun and Progress are as in transfer.ImporterConfig.
	Publish, DryRun bool
	Progress        func(events int)
	// Seal seals personal data that is not sealed in the file. It needs Config.PersonalKey.
	Seal bool
	// Opaque accepts events that this program cannot read.
	Opaque bool
}

// Import opens the store of config and lets use import into it. No consumer runs meanwhile in this
// process. Errors: those of [Open]; those of use.
func Import(
	ctx context.Context, config Config, log *slog.Logger, options ImportOptions, use func(*transfer.Importer) error,
) (err error) {
	importing := config
	importing.Passive = options.DryRun // an import decides which ids a new store has
	config.Passive = true
	if err := config.Validate(); err != nil {
		return err
	}
	serviceKey, err := readServiceKey(config.PersonalKey)
	if err != nil {
		return err
	}
	store, err := openStorage(ctx, config, log, func(string) uint64 { return 0 })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll(store.closers)) }()
	ring, err := openPersonal(ctx, config, serviceKey, store, log)
	if err != nil {
		return err
	}
	ids, err := openCustomerIDs(ctx, importing, serviceKey, store)
	if err != nil {
		return err
	}
	codec := newMux().Sealed(openSeal(ring))
	importer := transfer.ImporterConfig{
		Target: struct {
			ports.EventStore
			ports.HistoryPager
			ports.ViewStore
			ports.OperationLog
		}{store, store, store, store},
		Codec:   ids.imported(codec),
		Publish: options.Publish, DryRun: options.DryRun, Progress: options.Progress,
		Workers: importWorkers, Backoff: transfer.DefaultBackoff,
	}
	if options.Seal {
		importer.Seal = &transfer.Sealing{Codec: codec, Keys: ring, Owner: owner(codec, ring)}
	}
	if options.Opaque {
		importer.Codec = nil
	}
	return use(transfer.NewImporter(importer))
}

// Restore makes a new data directory of a backup. It calls progress after each file with the bytes
// that were copied, and those of all files.
func Restore(
	ctx context.Context, from, data string, log *slog.Logger, progress func(done, total uint64),
) (embedded.Restored, error) {
	return embedded.Restore(ctx, from, embedded.Options{Dir: data, Logger: log, Progress: progress})
}
