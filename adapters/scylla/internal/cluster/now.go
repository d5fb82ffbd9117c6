package cluster

import (
	"context"
	"time"

	"github.com/gocql/gocql"
)

// selectNow asks the node that answers what time it is.
const selectNow = `SELECT now() FROM system.local`

// Now is what time it is on the servers, whatever the clock of this process says: that is compared
// with theirs when the client is opened, and in every pass of the sweeper. It does no I/O.
func (c *Client) Now() time.Time { return c.Local().Add(time.Duration(c.skew.Load())) }

// Local is the time of day on this machine, without the reading of a clock that stands still while
// the machine is suspended.
func (c *Client) Local() time.Time { return c.Config.Now().Round(0) }

// AskTime returns the time of a node, and corrects [Client.Now] by it. The answer was right at some
// time between the question and its arrival; while what is known is within that, it is not touched.
func (c *Client) AskTime(ctx context.Context) (time.Time, error) {
	asked := c.Local()
	var now gocql.UUID
	if err := c.Query(ctx, selectNow).Scan(&now); err != nil {
		return time.Time{}, Translate(ctx, err, Read)
	}
	least, most := now.Time().Sub(c.Local()), now.Time().Sub(asked)
	if skew := time.Duration(c.skew.Load()); skew < least || skew > most {
		c.skew.Store(int64(min(max(skew, least), most)))
		if (least - skew).Abs() > wrongClock {
			c.Config.Logger.Warn("the clock of this machine differs from those of the servers, which count", "behind_by", least)
		}
	}
	return now.Time(), nil
}

// wrongClock is by how much a clock may differ, or change, without a word.
const wrongClock = time.Second
