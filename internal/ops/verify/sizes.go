package verify

import "restante/internal/store/keys"

// readSizes holds what the storage report is made of against the messages that count in the quota.
func (a *accountCheck) readSizes() error {
	counted := 0
	err := a.scan(keys.OfAccount(keys.TableSizes, a.id), func(k, v []byte) error {
		n, _ := keys.Tail64(k)
		p, err := keys.DecodeSizesPage(v)
		if err != nil || p.Present == 0 {
			a.bad("sizes of messages", "page %d cannot be read or is empty", n)
			return nil
		}
		i := -1
		for id := range p.Each(n) {
			i++
			rec := a.messages[id]
			switch {
			case a.perMsg[id] == 0:
				a.bad(msg(id), "its size is noted, but it lies in no mailbox")
				continue
			case p.Sizes[i].Size != rec.size:
				a.bad(msg(id), "its size is noted as %d octets, and is %d", p.Sizes[i].Size, rec.size)
			case p.Sizes[i].Sender != rec.sender:
				a.bad(msg(id), "another sender is noted than it has")
			}
			counted++
		}
		return nil
	})
	if missing := len(a.perMsg) - counted; missing > 0 {
		a.bad("sizes of messages", "%d messages are missing", missing)
	}
	return err
}
