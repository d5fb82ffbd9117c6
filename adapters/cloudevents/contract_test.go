package cloudevents_test

import (
	"testing"

	"orderflow/adapters/cloudevents"
	"orderflow/domain/eventsourcing"
	"orderflow/ports/porttest"
)

func TestContract(t *testing.T) {
	t.Parallel()

	t.Run("file", func(t *testing.T) {
		t.Parallel()
		porttest.Publisher(t, func(t *testing.T) porttest.PublisherHarness {
			path := tempPath(t)
			p := openFile(t, path)
			return porttest.PublisherHarness{
				Publisher: p,
				Published: func(t testing.TB) []eventsourcing.Record { return decodeFile(t, path) },
				Close:     p.Close,
			}
		})
	})

	t.Run("writer", func(t *testing.T) {
		t.Parallel()
		porttest.Publisher(t, func(*testing.T) porttest.PublisherHarness {
			var out lockedBuffer
			p := cloudevents.NewWriter(&out, cloudevents.Config{})
			return porttest.PublisherHarness{
				Publisher: p,
				Published: func(t testing.TB) []eventsourcing.Record { return decode(t, []byte(out.String())) },
				Close:     p.Close,
			}
		})
	})
}
