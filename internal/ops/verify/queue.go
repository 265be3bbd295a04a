package verify

import (
	"fmt"

	"restante/internal/store"
	"restante/internal/store/keys"
)

// queue checks the messages on their way to other hosts, and that each stands once in the order, where it belongs.
func (c *checker) queue() error {
	places := make(map[keys.QueueID]keys.Table)
	err := c.scan([]byte{byte(keys.TableQueueOrder)}, func(k, _ []byte) error {
		_, _, id, err := keys.QueueOrderOf(k)
		switch _, twice := places[id]; {
		case err != nil:
			c.found(0, "queue", "a key of %d octets in its order", len(k))
		case twice:
			c.found(0, queued(id), "stands in the order of the queue more than once")
		default:
			places[id] = keys.TableQueueOrder
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = c.scan([]byte{byte(keys.TableQueue)}, func(k, v []byte) error {
		n, _ := keys.Tail64(k)
		id := keys.QueueID(n)
		row, err := keys.DecodeQueued(v)
		if err != nil {
			c.found(0, queued(id), "cannot be read")
			return nil
		}
		if _, ok := places[id]; !ok {
			c.found(0, queued(id), "does not stand in the order of the queue: nobody will try it")
		}
		delete(places, id)
		w := c.wanted[row.Blob]
		if w.refs > 0 && w.size != row.BlobSize {
			c.found(0, queued(id), "body %d has %d octets here, %d elsewhere", row.Blob, row.BlobSize, w.size)
		}
		c.wanted[row.Blob] = want{size: row.BlobSize, refs: w.refs + 1}
		return nil
	})
	for id := range places {
		c.found(0, queued(id), "stands in the order of the queue and does not exist")
	}
	return err
}

func queued(id keys.QueueID) string { return fmt.Sprintf("queued message %s", store.FormatQueueID(id)) }
