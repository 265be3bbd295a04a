package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"restante/internal/store"
)

// Options say what to bring in, and into which account.
type Options struct {
	Store   *store.Store
	Account *store.Account

	Path   string
	Format Format // "" finds out
	// Into is the mailbox above those that are brought in; "" is none, and then folders of a special use find theirs.
	Into string
	// UIDL is how the old server made UIDLs that it did not keep, as Dovecot's pop3_uidl_format says it; "" is Dovecot's
	// own way. "-" brings none in.
	UIDL string
	// Quoting is how the writer of an mbox kept lines that begin with "From "; "" is QuoteRD.
	Quoting Quoting
	// NewestFirst turns the order of Maildirs and message files round: what is newest is there first, and stands first.
	NewestFirst bool

	// Progress, if not nil, hears how far it is, some times a second at most, and of each problem at once. An error ends the import.
	Progress func(Progress) error
}

// Progress is how far an import or an export is.
type Progress struct {
	Mailbox string
	// Done of Total: messages, or octets of an mbox.
	Done, Total uint64
	Counts
	Problem error // one that has just been met
}

// Counts are what was done.
type Counts struct {
	Messages uint64 // added, or written
	Octets   uint64 // of these
	Before   uint64 // that had been added before
	Problems uint64 // messages that were left out, and files that could not be read
	NoUIDL   uint64 // messages whose UIDL another one has: they got a new one
}

const (
	batchMessages = 256
	batchOctets   = 4 << 20 // a commit has at most 8 MiB
)

// Import brings mail in. What it returns holds also when it fails.
func Import(ctx context.Context, o Options) (Counts, error) {
	im := importer{o: &o, a: o.Account}
	if o.Format == "" {
		var err error
		if o.Format, err = Detect(o.Path); err != nil {
			return im.at.Counts, err
		}
	}
	if _, err := expandUIDL(o.uidlFormat(), uidlFields{}); err != nil {
		return im.at.Counts, err
	}
	err := im.run(ctx)
	return im.at.Counts, err
}

// importer is one import.
type importer struct {
	o  *Options
	a  *store.Account
	at Progress

	box     store.MailboxID
	path    string                    // of the mailbox
	same    map[store.SourceID]uint32 // how many messages with the same octets there were
	batch   []waiting
	held    int // octets of the batch
	weights uint64
}

// waiting is a message that waits to be added.
type waiting struct {
	where string
	body  *store.Body
	opts  store.AddOptions
}

func (im *importer) run(ctx context.Context) error {
	list, err := folders(im.o)
	if err != nil {
		return err
	}
	for _, f := range list {
		im.at.Total += f.total
	}
	names := newNames(im.a.View(), list, im.o.Into)
	for _, f := range list {
		im.path = names.mailbox(f.path)
		im.at.Mailbox = im.path
		if im.box, err = im.mailbox(ctx, im.path); err != nil {
			return fmt.Errorf("mailbox %q: %w", im.path, err)
		}
		if err := im.folder(ctx, f); err != nil {
			return err
		}
	}
	return im.tell(nil)
}

// mailbox finds or makes a mailbox.
func (im *importer) mailbox(ctx context.Context, path string) (id store.MailboxID, err error) {
	if m, err := im.a.View().Lookup(path); err == nil && !m.NoSelect() {
		return m.ID(), nil
	}
	_, err = im.a.Update(ctx, origin(), func(tx *store.Tx) error {
		if id, err = tx.CreateMailbox(path, store.RoleNone); err != nil {
			return err
		}
		return tx.Subscribe(path, true)
	})
	return id, err
}

func origin() store.Origin { return store.Origin{Protocol: store.ProtocolImport} }

func (im *importer) folder(ctx context.Context, f folder) error {
	im.same = make(map[store.SourceID]uint32)
	for it, err := range f.items(ctx) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			err = im.take(ctx, it)
		}
		var bad *itemError
		switch {
		case errors.As(err, &bad):
			if err := im.tell(bad); err != nil {
				return err
			}
		case err != nil:
			return err
		}
		if len(im.batch) >= batchMessages || im.held >= batchOctets {
			if err := im.flush(ctx); err != nil {
				return err
			}
		}
	}
	return im.flush(ctx)
}

// tell reports how far it is, and a problem.
func (im *importer) tell(problem error) error {
	if problem != nil {
		im.at.Problems++
	}
	if im.o.Progress == nil {
		return nil
	}
	p := im.at
	p.Problem = problem
	return im.o.Progress(p)
}

// take makes a message ready, unless it was added before.
func (im *importer) take(ctx context.Context, it *item) error {
	im.weights += it.weight
	source, err := im.source(it)
	if err != nil {
		return &itemError{it.where, err}
	}
	had, err := im.a.Imported(ctx, source)
	if err != nil {
		return err
	}
	if had {
		im.at.Before++
		if im.at.Before%batchMessages == 0 {
			return im.flush(ctx)
		}
		return nil
	}
	body, err := im.body(ctx, it)
	if err != nil {
		return err
	}
	o := store.AddOptions{Flags: it.flags, Internal: it.internal, Source: source}
	for _, k := range it.keywords {
		if store.GoodKeyword(k) {
			o.Keywords = append(o.Keywords, k)
		}
	}
	if it.uidl != "" && im.o.UIDL != "-" {
		o.UIDL = it.uidl
	}
	im.batch = append(im.batch, waiting{where: it.where, body: body, opts: o})
	im.held += int(body.Size()) + body.Weight()
	return nil
}

// source is what a message is known by.
func (im *importer) source(it *item) (id store.SourceID, err error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00", im.path, it.name)
	if it.name == "" {
		r, err := it.open()
		if err != nil {
			return id, err
		}
		defer r.Close()
		if _, err := io.Copy(h, r); err != nil {
			return id, err
		}
		copy(id[:], h.Sum(nil))
		n := im.same[id]
		im.same[id] = n + 1
		fmt.Fprintf(h, "\x00%d", n)
	}
	copy(id[:], h.Sum(nil))
	return id, nil
}

// errEmpty is said of a message without an octet.
var errEmpty = errors.New("the message is empty")

func (im *importer) body(ctx context.Context, it *item) (*store.Body, error) {
	r, err := it.open()
	if err != nil {
		return nil, &itemError{it.where, err}
	}
	defer r.Close()
	w, err := im.o.Store.NewBody(ctx, store.BodyOptions{})
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if _, werr := w.Write(buf[:n]); errors.Is(werr, store.ErrTooBig) {
			return nil, &itemError{it.where, werr}
		} else if werr != nil {
			return nil, werr
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, &itemError{it.where, err}
		}
	}
	if w.Size() == 0 {
		return nil, &itemError{it.where, errEmpty}
	}
	return w.Finish(ctx)
}

// flush adds what waits, in one transaction.
func (im *importer) flush(ctx context.Context) error {
	var done Counts
	if len(im.batch) > 0 {
		_, err := im.a.Update(ctx, origin(), func(tx *store.Tx) error {
			done = Counts{}
			for i := range im.batch {
				if err := im.batch[i].add(tx, im.box, &done); err != nil {
					return fmt.Errorf("%s: %w", im.batch[i].where, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	im.at.Messages += done.Messages
	im.at.Octets += done.Octets
	im.at.Before += done.Before
	im.at.NoUIDL += done.NoUIDL
	im.at.Done += im.weights
	im.batch, im.held, im.weights = im.batch[:0], 0, 0
	return im.tell(nil)
}

// add adds one message, without what the store does not take of its decoration.
func (w *waiting) add(tx *store.Tx, box store.MailboxID, done *Counts) error {
	o := w.opts
	for {
		added, err := tx.AddMessage(box, w.body, o)
		switch {
		case err == nil && added.Duplicate:
			done.Before++
		case err == nil:
			done.Messages++
			done.Octets += added.Size
		case (errors.Is(err, store.ErrUIDLTaken) || errors.Is(err, store.ErrBadUIDL)) && o.UIDL != "":
			done.NoUIDL++
			o.UIDL = ""
			continue
		case errors.Is(err, store.ErrLimit) && len(o.Keywords) > 0: // the account has too many keywords
			o.Keywords = nil
			continue
		}
		return err
	}
}

// openFile is an item's open.
func openFile(path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(path) }
}
