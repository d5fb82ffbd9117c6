package porttest

import (
	"testing"
	"time"

	"orderflow/domain/eventsourcing"
	"orderflow/ports"
)

// EventStoreHarness gives the EventStore suite an adapter to test.
type EventStoreHarness struct {
	Store ports.EventStore
	// Close closes the adapter. The suite calls it by the end of each test, sometimes more than
	// once.
	Close func() error
	// Reopen closes the adapter and opens it again on the same data. It is nil when the adapter
	// keeps nothing.
	Reopen func(t testing.TB) EventStoreHarness
	Tuning
}

// HeadScannerHarness gives the HeadScanner suite an adapter to test.
type HeadScannerHarness struct {
	Scanner ports.HeadScanner
	// Store is where the listed aggregates are written.
	Store ports.EventStore
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) HeadScannerHarness
	Tuning
}

// ChangeFeedHarness gives the ChangeFeed suite an adapter to test.
type ChangeFeedHarness struct {
	Feed ports.ChangeFeed
	// Store is the event store of the feed.
	Store ports.EventStore
	// Pulse sends heartbeats through Store and Feed. It is nil when the feed has none.
	Pulse ports.Pulse
	// Close and Reopen are as in [EventStoreHarness]; Close also ends the open subscriptions.
	Close  func() error
	Reopen func(t testing.TB) ChangeFeedHarness
	// Expire makes the feed drop every record that was appended before the call, as if its time to
	// live were over. It is nil when the feed cannot do that.
	Expire func()
	// Repeats says that the feed may deliver a record again without a failure, or from just before
	// an offset. A feed that reads overlapping time windows does that. The suite then ignores such
	// records.
	Repeats bool
	Tuning
}

// FeedTailHarness gives the FeedTail suite an adapter to test.
type FeedTailHarness struct {
	Tails ports.FeedTail
	// Store is the event store of the feed, and Feed the feed of its consumers.
	Store ports.EventStore
	Feed  ports.ChangeFeed
	// Close and Reopen are as in [EventStoreHarness], Expire and Repeats as in
	// [ChangeFeedHarness].
	Close   func() error
	Reopen  func(t testing.TB) FeedTailHarness
	Expire  func()
	Repeats bool
	Tuning
}

// ViewsHarness gives the Views suite an adapter to test. The suite uses [Tables], in generations 1
// and 2 of several consumers.
type ViewsHarness struct {
	Store  ports.ViewStore
	Reader ports.ViewReader
	// Dropper drops generations that Store keeps.
	Dropper ports.ViewDropper
	// Repairer repairs what Store keeps. It is nil when the store cannot do that.
	Repairer ports.ViewRepairer
	// Checker says what Store keeps. It is nil when the store cannot do that.
	Checker ports.ViewChecker
	// Bulk and Lister read much of what Store keeps at once. They are nil when the store cannot do
	// that.
	Bulk   ports.BulkReader
	Lister ports.StateLister
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) ViewsHarness
	// Lives are tested in addition to those of the suite. There are none by default.
	Lives Lives
	// BinaryText says that text may hold any bytes, not only valid UTF-8.
	BinaryText bool
	Tuning
}

// ConsumerRegistryHarness gives the ConsumerRegistry suite an adapter to test.
type ConsumerRegistryHarness struct {
	Registry ports.ConsumerRegistry
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) ConsumerRegistryHarness
	Tuning
}

// ParkingLotHarness gives the ParkingLot suite an adapter to test.
type ParkingLotHarness struct {
	Lot ports.ParkingLot
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) ParkingLotHarness
	Tuning
}

// SkipLogHarness gives the SkipLog suite an adapter to test.
type SkipLogHarness struct {
	Log ports.SkipLog
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) SkipLogHarness
	Tuning
}

// StoreIdentityHarness gives the StoreIdentity suite an adapter to test.
type StoreIdentityHarness struct {
	Identity ports.StoreIdentity
	// Another makes another store, at the same place if possible.
	Another func(t testing.TB) ports.StoreIdentity
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) StoreIdentityHarness
	Tuning
}

// LeasesHarness gives the Leases suite an adapter to test.
type LeasesHarness struct {
	Leases ports.Leases
	// Advance lets that much time pass for the leases: it moves their clock, or waits. The suite
	// advances a few seconds at a time.
	Advance func(d time.Duration)
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) LeasesHarness
	Tuning
}

// PublisherHarness gives the Publisher suite an adapter to test.
type PublisherHarness struct {
	Publisher ports.Publisher
	// Published returns what the target holds: the records of each aggregate in the order in which
	// a receiver would see them, with at least event id, aggregate id, aggregate type, sequence
	// number, type, payload and time. It also works after Close.
	Published func(t testing.TB) []eventsourcing.Record
	// Close closes the publisher.
	Close func() error
	Tuning
}

// RecordListerHarness gives the RecordLister suite an adapter to test.
type RecordListerHarness struct {
	Lister ports.RecordLister
	// Store is where the listed records are written.
	Store ports.EventStore
	// Close and Reopen are as in [EventStoreHarness], Expire as in [ChangeFeedHarness].
	Close  func() error
	Reopen func(t testing.TB) RecordListerHarness
	Expire func()
	Tuning
}

// HistoryPagerHarness gives the HistoryPager suite an adapter to test.
type HistoryPagerHarness struct {
	Pager ports.HistoryPager
	// Store is where the histories are written.
	Store ports.EventStore
	// Bulk reads several histories at once. It is nil when the store cannot do that.
	Bulk ports.BulkReader
	// Close is as in [EventStoreHarness].
	Close func() error
	Tuning
}

// CommandFinderHarness gives the CommandFinder suite an adapter to test.
type CommandFinderHarness struct {
	Finder ports.CommandFinder
	// Store is where the histories are written.
	Store ports.EventStore
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) CommandFinderHarness
	Tuning
}

// SnapshotsHarness gives the Snapshots suite an adapter to test.
type SnapshotsHarness struct {
	Snapshots ports.Snapshots
	// Close and Reopen are as in [EventStoreHarness].
	Close  func() error
	Reopen func(t testing.TB) SnapshotsHarness
	Tuning
}

// Tuning adapts a suite to the speed of an adapter. The zero Tuning is right for an adapter that
// keeps its data in the process.
type Tuning struct {
	// Wait bounds every wait for something that must happen. 0 means a minute.
	Wait time.Duration
	// Quiet is how long the suite waits to check that nothing happens. 0 means 30 milliseconds.
	Quiet time.Duration
	// Writers is the number of concurrent writers. 0 means 16.
	Writers int
	// Backlog is the number of records that wait for a slow consumer. 0 means 2,000, and a tenth of
	// it with -short.
	Backlog int
}

// EventStore tests the contract of [ports.EventStore]. Each test calls factory for an adapter with
// its own data.
func EventStore(t *testing.T, factory func(t *testing.T) EventStoreHarness) {
	runSuite(t, factory, eventStoreScenarios())
}

// HeadScanner tests the contract of [ports.HeadScanner]. Each test calls factory for an adapter
// with its own data.
func HeadScanner(t *testing.T, factory func(t *testing.T) HeadScannerHarness) {
	runSuite(t, factory, headScannerScenarios())
}

// ChangeFeed tests the contract of [ports.ChangeFeed]. Each test calls factory for an adapter with
// its own data.
func ChangeFeed(t *testing.T, factory func(t *testing.T) ChangeFeedHarness) {
	runSuite(t, factory, changeFeedScenarios())
}

// FeedTail tests the contract of [ports.FeedTail]. Each test calls factory for an adapter with its
// own data.
func FeedTail(t *testing.T, factory func(t *testing.T) FeedTailHarness) {
	runSuite(t, factory, feedTailScenarios())
}

// Views tests the contracts of [ports.ViewStore], [ports.ViewReader] and [ports.ViewDropper]
// together, because the effects of one are visible only through the others. Each test calls factory
// for an adapter with its own data.
func Views(t *testing.T, factory func(t *testing.T) ViewsHarness) {
	runSuite(t, factory, viewsScenarios())
}

// ConsumerRegistry tests the contract of [ports.ConsumerRegistry]. Each test calls factory for an
// adapter with its own data.
func ConsumerRegistry(t *testing.T, factory func(t *testing.T) ConsumerRegistryHarness) {
	runSuite(t, factory, consumerRegistryScenarios())
}

// ParkingLot tests the contract of [ports.ParkingLot]. Each test calls factory for an adapter with
// its own data.
func ParkingLot(t *testing.T, factory func(t *testing.T) ParkingLotHarness) {
	runSuite(t, factory, parkingLotScenarios())
}

// SkipLog tests the contract of [ports.SkipLog]. Each test calls factory for an adapter with its
// own data.
func SkipLog(t *testing.T, factory func(t *testing.T) SkipLogHarness) {
	runSuite(t, factory, skipLogScenarios())
}

// StoreIdentity tests the contract of [ports.StoreIdentity]. Each test calls factory for an adapter
// with its own data.
func StoreIdentity(t *testing.T, factory func(t *testing.T) StoreIdentityHarness) {
	runSuite(t, factory, storeIdentityScenarios())
}

// Leases tests the contract of [ports.Leases]. Each test calls factory for an adapter with its own
// data and its own time.
func Leases(t *testing.T, factory func(t *testing.T) LeasesHarness) {
	runSuite(t, factory, leasesScenarios())
}

// Publisher tests the contract of [ports.Publisher]. Each test calls factory for a publisher with
// its own target.
func Publisher(t *testing.T, factory func(t *testing.T) PublisherHarness) {
	runSuite(t, factory, publisherScenarios())
}

// RecordLister tests the contract of [ports.RecordLister]. Each test calls factory for an adapter
// with its own data.
func RecordLister(t *testing.T, factory func(t *testing.T) RecordListerHarness) {
	runSuite(t, factory, recordListerScenarios())
}

// HistoryPager tests the contract of [ports.HistoryPager]. Each test calls factory for an adapter
// with its own data.
func HistoryPager(t *testing.T, factory func(t *testing.T) HistoryPagerHarness) {
	runSuite(t, factory, historyPagerScenarios())
}

// CommandFinder tests the contract of [ports.CommandFinder]. Each test calls factory for an adapter
// with its own data.
func CommandFinder(t *testing.T, factory func(t *testing.T) CommandFinderHarness) {
	runSuite(t, factory, commandFinderScenarios())
}

// Snapshots tests the contract of [ports.Snapshots]. Each test calls factory for an adapter with
// its own data.
func Snapshots(t *testing.T, factory func(t *testing.T) SnapshotsHarness) {
	runSuite(t, factory, snapshotsScenarios())
}
