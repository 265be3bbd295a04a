package verify

import (
	"fmt"

	"restante/internal/store/keys"
)

// annotationWeight is what an annotation is charged beyond its name and value.
const annotationWeight = 32

// readMetadata checks annotations: what they are of exists, and they are charged.
func (a *accountCheck) readMetadata() error {
	sum := uint64(0)
	err := a.scan(keys.OfAccount(keys.TableMetadata, a.id), func(k, v []byte) error {
		_, mbox, user, entry, err := keys.MetadataOf(k)
		n, derr := keys.DecodeAnnotation(v)
		where := fmt.Sprintf("annotation %q of %s, user %d", entry, box(mbox), user)
		switch {
		case err != nil || derr != nil || entry == "":
			a.bad("annotations", "a row cannot be read")
			return nil
		case mbox != 0 && a.mailboxes[mbox] == nil:
			a.bad(where, "the mailbox does not exist")
		case mbox == 0 && user != a.id:
			a.bad(where, "is no private one of the account's own")
		case n.ModSeq == 0 || n.ModSeq > a.row.ModSeq:
			a.bad(where, "MODSEQ %d, the account's is %d", n.ModSeq, a.row.ModSeq)
		}
		sum += uint64(annotationWeight + len(entry) + len(n.Value))
		return nil
	})
	if sum != a.row.Annotated {
		a.bad("account", "says %d octets of annotations, has %d", a.row.Annotated, sum)
	}
	return err
}

// readACL notes with whom a mailbox is shared.
func (a *accountCheck) readACL(id keys.MailboxID, acl []byte) {
	list, err := keys.DecodeACL(acl)
	if err != nil {
		a.bad(box(id), "its access control list cannot be read")
	}
	for _, g := range list {
		if g.Who == a.id {
			a.bad(box(id), "its access control list speaks of its owner")
		}
		if !g.Negative {
			a.shared[string(keys.SharedKey(keys.SharedUser(g.Who, a.row.Tenant), a.id, id))] = true
		}
	}
}

// sharing compares the rows by which users find what is shared with them with the lists of the mailboxes.
func (c *checker) sharing() error {
	err := c.scan([]byte{byte(keys.TableShared)}, func(k, _ []byte) error {
		user, owner, mbox, err := keys.SharedOf(k)
		switch {
		case err != nil:
			c.found(0, "shared mailboxes", "a key of %d octets", len(k))
		case !c.shared[string(k)]:
			c.found(owner, box(mbox), "is said to be shared with %d and is not", user)
		}
		delete(c.shared, string(k))
		return nil
	})
	for k := range c.shared {
		user, owner, mbox, _ := keys.SharedOf([]byte(k))
		c.found(owner, box(mbox), "is shared with %d, who cannot find it", user)
	}
	return err
}
