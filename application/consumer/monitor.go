package consumer

import (
	"context"

	"orderflow/ports"
)

// Monitor tells how a set of consumers is.
type Monitor []*Consumer

var _ ports.ConsumerMonitor = Monitor(nil)

// Consumers returns the status of each, in their order.
func (m Monitor) Consumers(ctx context.Context) ([]ports.ConsumerStatus, error) {
	statuses := make([]ports.ConsumerStatus, len(m))
	for i, c := range m {
		var err error
		if statuses[i], err = c.Status(ctx); err != nil {
			return nil, err
		}
	}
	return statuses, nil
}
