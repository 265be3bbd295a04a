package transfer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"restante/internal/store"
)

// Options say what to bring in, and into which account.
type Options struct {
	Store   *store.Store
	Account *store.Account

	// Path is where the mail lies: a path, or the URL of a server.
	//
	//	url = ("imaps" / "imap" / "pop3s" / "pop3") "://" user "@" host [":" port] ["/" mailbox]
	//
	// imap and pop3 are with STARTTLS and STLS.
	Path   string
	Format Format // "" finds out
	// Into is the mailbox above those that are brought in; "" is none, and then folders of a special use find theirs.
	Into string
	// UIDL is how the old server made UIDLs that it did not keep, as Dovecot's pop3_uidl_format says it; "" is Dovecot's
	// own way. "-" brings none in.
	UIDL string
	// Quoting is how the writer of an mbox kept lines that begin with "From "; "" is QuoteRD.
	Quoting Quoting
	// NewestFirst turns the order round, but for an mbox: what is newest is there first, and stands first, with new UIDs.
	NewestFirst bool
	// NewUIDs gives new UIDs and leaves UIDVALIDITY alone also where those of the source could be kept.
	NewUIDs bool
	// Map says for folders of the source, by their paths, which mailbox each goes into; "" leaves it out.
	Map map[string]string
	// DryRun looks and counts, and changes nothing: the last Progress has the Plan.
	DryRun bool

	// Server is what is needed besides when Path is a server's.
	Server ServerOptions

	// Progress, if not nil, hears how far it is, some times a second at most, and of each problem at once. An error ends the import.
	Progress func(Progress) error
}

// ServerOptions say how to talk to the server that mail is brought in from.
type ServerOptions struct {
	Password string
	// Insecure takes any certificate, and does without TLS when the server has none.
	Insecure bool
	// UIDLFrom is the URL of the POP3 door of an IMAP server: messages of its INBOX get the UIDLs that they have there. "" is none.
	UIDLFrom string
	// Patience is how long a server may be silent; 0 is a minute.
	Patience time.Duration
	// Dial connects; nil is a net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Progress is how far an import or an export is.
type Progress struct {
	Mailbox string
	// Done of Total: messages, or octets of an mbox.
	Done, Total uint64
	Counts
	Problem error     // one that has just been met
	Note    string    // what people should know, and is no problem
	Plan    []Planned // what a dry run would bring
}

// Planned is what would come of a folder.
type Planned struct {
	Folder  string // its path in the source
	Mailbox string // "" is left out
	Counts         // Octets as the source says
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
	uids    keeper
	batch   []waiting
	held    int // octets of the batch
	weights uint64
	before  int // messages that were looked at and not added since the last commit
	buf     []byte
}

// waiting is a message that waits to be added.
type waiting struct {
	where string
	body  *store.Body
	opts  store.AddOptions
}

func (im *importer) run(ctx context.Context) error {
	list, closeSource, err := im.folders(ctx)
	if err != nil {
		return err
	}
	defer closeSource()
	names := newNames(im.a.View(), list, im.o)
	var plan []Planned
	for i := range list {
		if list[i].mailbox = names.mailbox(&list[i]); list[i].mailbox != "" {
			im.at.Total += list[i].total
		}
	}
	for _, f := range list {
		was := im.at.Counts
		if im.at.Mailbox = f.mailbox; f.mailbox != "" {
			if err := im.folder(ctx, f); err != nil {
				return err
			}
		}
		plan = append(plan, Planned{Folder: f.path, Mailbox: f.mailbox, Counts: im.at.since(was)})
	}
	if im.o.DryRun {
		im.at.Plan = plan
	}
	return im.tell(nil)
}

func (c Counts) since(was Counts) Counts {
	return Counts{
		Messages: c.Messages - was.Messages, Octets: c.Octets - was.Octets, Before: c.Before - was.Before,
		Problems: c.Problems - was.Problems, NoUIDL: c.NoUIDL - was.NoUIDL,
	}
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

func (im *importer) folder(ctx context.Context, f folder) (err error) {
	im.path, im.same, im.uids = f.mailbox, make(map[store.SourceID]uint32), keeper{}
	if !im.o.DryRun {
		if im.box, err = im.mailbox(ctx, im.path); err == nil {
			im.uids, err = im.keep(ctx, &f)
		}
		if err != nil {
			return fmt.Errorf("mailbox %q: %w", im.path, err)
		}
	}
	for it, err := range f.items(ctx) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			err = im.take(ctx, it)
		}
		var bad *itemError
		switch {
		case again(err):
		case errors.As(err, &bad):
			if err := im.tell(bad); err != nil {
				return err
			}
		case err != nil:
			return errors.Join(err, im.flush(ctx)) // what has come is not to come again
		}
		if len(im.batch) >= batchMessages || im.held >= batchOctets || im.before >= batchMessages {
			if err := im.flush(ctx); err != nil {
				return err
			}
		}
	}
	if err := im.flush(ctx); err != nil {
		return err
	}
	return im.passOver(ctx, f.next)
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

// note says what people should know.
func (im *importer) note(format string, args ...any) error {
	if im.o.Progress == nil {
		return nil
	}
	p := im.at
	p.Note = fmt.Sprintf(format, args...)
	return im.o.Progress(p)
}
