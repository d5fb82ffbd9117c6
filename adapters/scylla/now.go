package scylla

import (
	"context"
	"time"

	"github.com/gocql/gocql"
)

// selectNow asks the node that answers what time it is.
const selectNow = `SELECT now() FROM system.local`

// Now is what time it is on the servers, whatever the clock of this process says: that is compared with
// theirs when the store is opened, and in every pass of the sweeper. It does no I/O.
func (s *Store) Now() time.Time { return s.local().Add(time.Duration(s.skew.Load())) }

// local is the time of day on this machine, without the reading of a clock that stands still while the
// machine is suspended.
func (s *Store) local() time.Time { return s.config.Now().Round(0) }

// askTime returns the time of a node, and corrects [Store.Now] by it. The answer was right at some time
// between the question and its arrival; while what is known is within that, it is not touched.
func (s *Store) askTime(ctx context.Context) (time.Time, error) {
	asked := s.local()
	var now gocql.UUID
	if err := s.query(ctx, selectNow).Scan(&now); err != nil {
		return time.Time{}, translate(ctx, err, read)
	}
	least, most := now.Time().Sub(s.local()), now.Time().Sub(asked)
	if skew := time.Duration(s.skew.Load()); skew < least || skew > most {
		s.skew.Store(int64(min(max(skew, least), most)))
		if (least - skew).Abs() > wrongClock {
			s.config.Logger.Warn("the clock of this machine differs from those of the servers, which count", "behind_by", least)
		}
	}
	return now.Time(), nil
}

// wrongClock is by how much a clock may differ, or change, without a word.
const wrongClock = time.Second
