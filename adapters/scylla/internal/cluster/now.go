package cluster

import (
	"context"
	"time"

	"github.com/gocql/gocql"
)

// selectNow asks the node that answers for its time.
const selectNow = `SELECT now() FROM system.local`

// Now returns the time of the servers, also when the clock of this process is wrong: that clock is
// compared with theirs when the client is opened, and in every pass of the sweeper. Now does no
// I/O.
func (c *Client) Now() time.Time { return c.Local().Add(time.Duration(c.skew.Load())) }

// Local returns the time of day on this machine, without the reading of a clock that stands still
// while the machine is suspended.
func (c *Client) Local() time.Time { return c.Config.Now().Round(0) }

// AskTime returns the time of a node, and corrects [Client.Now] with it. The answer was right at
// some time between the request and its arrival. While the known time is within that, it is not
// changed.
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
			c.Config.Logger.Warn("the clock of this machine differs from those of the servers, which count",
				"behind_by", least)
		}
	}
	return now.Time(), nil
}

// wrongClock is how far a clock may differ, or change, without a log message.
const wrongClock = time.Second
