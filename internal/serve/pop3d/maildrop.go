package pop3d

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"restante/internal/directory"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// maildrop is what one session sees and has marked.
type maildrop struct {
	account *store.Account
	device  *store.POPDevice
	inbox   *store.MailboxView // or the mailbox that the login names
	seed    store.Seed
	origin  store.Origin
	unpin   func()

	// list is the messages in their order, where they are not simply those of the INBOX: the device has taken some, begins
	// later, looks into more mailboxes, or a message lies there twice and is listed once (store.md, Memberships).
	list []*store.Entry
	size uint64 // of all listed, in octets

	records *store.Sequence // of all listed, for clients that ask for one after the other

	marks  []uint64 // one bit for each deleted message; nil before the first DELE
	marked int
	freed  uint64 // octets of the marked
}

// errNoPOP refuses a device that has no rule for POP3.
var errNoPOP = errors.New("pop3d: this device may not use POP3")

// errNoFolder is a login that names a mailbox that there is not.
var errNoFolder = errors.New("pop3d: no such folder")

// openMaildrop takes the snapshot.
func openMaildrop(ctx context.Context, s *store.Store, id directory.Identity) (*maildrop, error) {
	account, err := s.Account(ctx, id.Account)
	if err != nil {
		return nil, fmt.Errorf("opening the maildrop: %w", err)
	}
	d := &maildrop{
		account: account,
		unpin:   account.Pin(), // before the view: what it shows must stay
		origin:  store.Origin{Device: id.Device, Protocol: store.ProtocolPOP3},
	}
	if err := d.open(ctx, id.Device, id.Folder); err != nil {
		d.close()
		return nil, fmt.Errorf("opening the maildrop: %w", err)
	}
	return d, nil
}

func (d *maildrop) open(ctx context.Context, device store.DeviceID, folder string) error {
	var err error
	if d.device, err = d.account.POPDevice(ctx, device); err != nil {
		return err
	}
	if d.device == nil {
		return errNoPOP
	}
	if err := d.notTooSoon(ctx); err != nil {
		return err
	}
	// What is taken is read before the view: a mark too few only shows a message that its device has just taken.
	marks, err := d.account.Marks(ctx, d.device)
	if err != nil {
		return err
	}
	view := d.account.View()
	d.seed = view.Seed()
	boxes := d.device.Maildrop(view)
	if folder != "" {
		if boxes, err = d.only(view, folder); err != nil {
			return err
		}
	}
	for _, m := range boxes {
		if err := m.Load(ctx); err != nil {
			return err
		}
	}
	if len(boxes) == 0 {
		return store.ErrNoMailbox
	}
	d.inbox = boxes[0]
	d.size = d.inbox.Bytes()
	// Where ids ascend as UIDs do, no message lies in the INBOX twice.
	if len(boxes) > 1 || marks.Len() > 0 || !d.device.Floor.IsZero() || !d.inbox.Ascending() {
		d.choose(boxes, marks)
	}
	d.records = d.account.Sequence(d.total(), func(i int) store.MessageID { return d.entry(i + 1).Message })
	return nil
}

// tooSoon refuses a login before its time (RFC 2449 6.5).
type tooSoon struct{ wait time.Duration }

func (t tooSoon) Error() string { return "pop3d: the next login is " + t.wait.String() + " too soon" }

// notTooSoon refuses a device that has to wait between two logins and has not. Nothing has been read yet: that is what the delay is for.
func (d *maildrop) notTooSoon(ctx context.Context) error {
	delay := d.device.Policy.LoginDelay
	if delay == 0 {
		return nil
	}
	since, ever, err := d.account.SincePOP(ctx, d.device.ID)
	if err == nil && ever && since >= 0 && since < delay {
		err = tooSoon{delay - since}
	}
	return err
}

// only has the maildrop be one mailbox, by its path; by a path that differs in case, if there is but one, for people write addresses
// in small letters.
func (d *maildrop) only(view *store.View, folder string) ([]*store.MailboxView, error) {
	box, err := view.Lookup(folder)
	if err != nil {
		for _, m := range view.Mailboxes() {
			if !strings.EqualFold(m.Path(), folder) || m.NoSelect() {
				continue
			}
			if box != nil {
				return nil, errNoFolder
			}
			box = m
		}
	}
	if box == nil || box.NoSelect() {
		return nil, errNoFolder
	}
	device := *d.device // shared; for this session the mailbox is in its scope
	device.Policy.Scope, device.Mailboxes = retention.ScopeChosen, []store.MailboxID{box.ID()}
	d.device = &device
	return []*store.MailboxView{box}, nil
}

func (d *maildrop) close() {
	d.unpin()
	d.account.Close()
}

// choose lists what the device is offered. What it has taken, and then what is listed, is in not.
func (d *maildrop) choose(boxes []*store.MailboxView, not *store.MessageSet) {
	messages := 0
	for _, m := range boxes {
		messages += m.Len()
	}
	d.list, d.size = make([]*store.Entry, 0, max(messages-not.Len(), 0)), 0
	for _, m := range boxes {
		for e := range m.All() {
			if d.device.Offers(e) && not.Add(e.Message) {
				d.list = append(d.list, e)
				d.size += e.Size
			}
		}
	}
}

// total is the number of messages at login, and so the highest number.
func (d *maildrop) total() int {
	if d.list != nil {
		return len(d.list)
	}
	return d.inbox.Len()
}

// count and octets are RFC 1939 5's drop listing: without the deleted.
func (d *maildrop) count() int     { return d.total() - d.marked }
func (d *maildrop) octets() uint64 { return d.size - d.freed }

// entry is the message of number n, from 1 to total.
func (d *maildrop) entry(n int) *store.Entry {
	if d.list != nil {
		return d.list[n-1]
	}
	return d.inbox.At(n - 1)
}

// uidls are the ids that messages brought from elsewhere: of message n, of all when n is 0.
func (d *maildrop) uidls(ctx context.Context, n int) (*store.UIDLs, error) {
	if n > d.total() || d.total() == 0 {
		return new(store.UIDLs), nil
	}
	if n != 0 {
		id := d.entry(n).Message
		return d.account.UIDLs(ctx, id, id)
	}
	lo, hi := d.entry(1).Message, d.entry(1).Message
	for _, e := range d.all() {
		lo, hi = min(lo, e.Message), max(hi, e.Message)
	}
	return d.account.UIDLs(ctx, lo, hi)
}

func (d *maildrop) isMarked(n int) bool {
	return d.marks != nil && d.marks[(n-1)/64]&(1<<((n-1)%64)) != 0
}

// mark deletes message n for this session.
func (d *maildrop) mark(n int) {
	if d.marks == nil {
		d.marks = make([]uint64, (d.total()+63)/64)
	}
	d.marks[(n-1)/64] |= 1 << ((n - 1) % 64)
	d.marked++
	d.freed += d.entry(n).Size
}

func (d *maildrop) unmarkAll() { d.marks, d.marked, d.freed = nil, 0, 0 }

// all yields every message by number.
func (d *maildrop) all() iter.Seq2[int, *store.Entry] {
	return func(yield func(int, *store.Entry) bool) {
		entries := d.inbox.All()
		if d.list != nil {
			entries = slices.Values(d.list)
		}
		n := 0
		for e := range entries {
			if n++; !yield(n, e) {
				return
			}
		}
	}
}

// listed yields the messages that are not deleted, by number.
func (d *maildrop) listed() iter.Seq2[int, *store.Entry] {
	return func(yield func(int, *store.Entry) bool) {
		for n, e := range d.all() {
			if !d.isMarked(n) && !yield(n, e) {
				return
			}
		}
	}
}

// commit is the UPDATE state: the device has taken what is marked, and it returns after the sync. What becomes of the
// messages is the rules' of all devices. What somebody else has removed meanwhile counts as taken all the same.
func (d *maildrop) commit(ctx context.Context) error {
	if d.marked == 0 {
		return nil
	}
	taken := make([]store.MessageID, 0, d.marked)
	for n, e := range d.all() {
		if d.isMarked(n) {
			taken = append(taken, e.Message)
		}
	}
	if err := d.account.Take(ctx, d.origin, d.device.ID, taken); err != nil {
		return fmt.Errorf("taking %d messages: %w", d.marked, err)
	}
	return nil
}

// retrieved marks a message \\Seen where the device's policy says so.
func (d *maildrop) retrieved(ctx context.Context, e *store.Entry) error {
	if d.device.Policy.MarkSeen != retention.MarkOnRetr {
		return nil
	}
	return d.account.MarkSeen(ctx, d.origin, d.device, e.Message)
}
