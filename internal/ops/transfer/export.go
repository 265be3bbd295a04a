package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"restante/internal/store"
)

// ExportOptions say what to write out, and where.
type ExportOptions struct {
	Account *store.Account
	// Path is the folder to be made. It must not be there, or be empty.
	Path    string
	Format  Format // "" is Maildir
	Mailbox string // this one only; "" is all

	// Progress is as in Options.
	Progress func(Progress) error
}

// ErrThere means that there is something already where an export should go.
var ErrThere = errors.New("there is something already: name a folder that is new or empty")

// Export writes an account's mail out. It writes beside Path and gives the folder its name when all is there; what it could not finish it takes
// away. What it returns holds also when it fails.
func Export(ctx context.Context, o ExportOptions) (Counts, error) {
	ex := exporter{o: &o, a: o.Account}
	switch o.Format {
	case "":
		o.Format = Maildir
	case Maildir, Mbox, EML:
	default:
		return ex.at.Counts, fmt.Errorf("%q is none of maildir, mbox, eml", o.Format)
	}
	if files, err := os.ReadDir(o.Path); len(files) > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ex.at.Counts, fmt.Errorf("%s: %w", o.Path, ErrThere)
	}
	part, err := os.MkdirTemp(filepath.Dir(o.Path), filepath.Base(o.Path)+".part-")
	if err != nil {
		return ex.at.Counts, err
	}
	ex.root = part
	if err = ex.run(ctx); err == nil {
		if err = os.Remove(o.Path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Rename(part, o.Path)
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(part))
	}
	return ex.at.Counts, err
}

// exporter is one export.
type exporter struct {
	o     *ExportOptions
	a     *store.Account
	root  string
	at    Progress
	view  *store.View
	seed  store.Seed
	uidls *store.UIDLs
}

// letter is a message on its way out.
type letter struct {
	*store.Message
	entry    *store.Entry
	keywords []string
	uidl     string
}

// writer writes the messages of one mailbox.
type writer interface {
	write(ctx context.Context, l *letter) error
	close() error
}

// exportPlaces is how many messages are looked up at once.
const exportPlaces = 512

func (ex *exporter) run(ctx context.Context) error {
	defer ex.a.Pin()() // before the view: what it shows must stay
	ex.view = ex.a.View()
	ex.seed = ex.view.Seed()
	boxes, err := ex.mailboxes()
	if err != nil {
		return err
	}
	for _, m := range boxes {
		ex.at.Total += uint64(m.Len())
	}
	for _, m := range boxes {
		ex.at.Mailbox = m.Path()
		w, err := ex.writer(m)
		if err != nil {
			return err
		}
		err = ex.mailbox(ctx, m, w)
		if err = errors.Join(err, w.close()); err != nil {
			return err
		}
	}
	return ex.tell(nil)
}

func (ex *exporter) mailboxes() ([]*store.MailboxView, error) {
	if ex.o.Mailbox != "" {
		m, err := ex.view.Lookup(ex.o.Mailbox)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", ex.o.Mailbox, err)
		}
		return []*store.MailboxView{m}, nil
	}
	boxes := slices.DeleteFunc(ex.view.Mailboxes(), (*store.MailboxView).NoSelect)
	slices.SortFunc(boxes, func(a, b *store.MailboxView) int { return strings.Compare(a.Path(), b.Path()) })
	return boxes, nil
}

func (ex *exporter) writer(m *store.MailboxView) (writer, error) {
	switch ex.o.Format {
	case Mbox:
		return newMboxWriter(ex.root, m.Path())
	case EML:
		return newEMLWriter(ex.root, m.Path())
	}
	return newMaildirWriter(ex.root, m, ex.seed)
}

func (ex *exporter) mailbox(ctx context.Context, m *store.MailboxView, w writer) error {
	for lo := 0; lo < m.Len(); lo += exportPlaces {
		hi := min(lo+exportPlaces, m.Len())
		if err := m.LoadPlaces(ctx, lo, hi); err != nil {
			return err
		}
		first, last := m.At(lo).Message, m.At(lo).Message
		for i := lo; i < hi; i++ {
			first, last = min(first, m.At(i).Message), max(last, m.At(i).Message)
		}
		var err error
		if ex.uidls, err = ex.a.UIDLs(ctx, first, last); err != nil {
			return err
		}
		for i := lo; i < hi; i++ {
			if err := ex.letter(ctx, m.At(i), w); err != nil {
				return err
			}
		}
		if err := ex.tell(nil); err != nil {
			return err
		}
	}
	return nil
}

// letter writes a message. One that cannot be read is reported.
func (ex *exporter) letter(ctx context.Context, e *store.Entry, w writer) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ex.at.Done++
	m, err := ex.a.Message(ctx, e.Message, 0)
	if err != nil {
		return ex.tell(fmt.Errorf("%s, UID %d: %w", ex.at.Mailbox, e.UID, err))
	}
	l := &letter{Message: m, entry: e, keywords: slices.Collect(ex.view.KeywordsOf(e))}
	uidl, own := ex.uidls.Append(nil, e.Message)
	if l.uidl = string(uidl); !own {
		l.uidl = ex.seed.EmailID(e.Message)
	}
	err = w.write(ctx, l)
	if errors.Is(err, errKeywords) {
		err = ex.tell(fmt.Errorf("%s, UID %d: %w", ex.at.Mailbox, e.UID, err))
	} else if errors.Is(err, store.ErrCorrupt) {
		return ex.tell(fmt.Errorf("%s, UID %d: %w", ex.at.Mailbox, e.UID, err))
	}
	if err != nil {
		return err
	}
	ex.at.Messages++
	ex.at.Octets += e.Size
	return nil
}

func (ex *exporter) tell(problem error) error {
	if problem != nil {
		ex.at.Problems++
	}
	if ex.o.Progress == nil {
		return nil
	}
	p := ex.at
	p.Problem = problem
	return ex.o.Progress(p)
}

// flagNames are an entry's flags and keywords, as IMAP writes them.
func (l *letter) flagNames() string {
	var out []string
	for _, name := range []string{`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`} {
		if l.entry.Flags&systemFlags()[name] != 0 {
			out = append(out, name)
		}
	}
	return strings.Join(append(out, l.keywords...), " ")
}

// file writes the message into a file of its own, with the internal date as the file's.
func (l *letter) file(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = l.CopyRange(ctx, f, 0, l.Size())
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	date := store.InternalDate(l.entry)
	return os.Chtimes(path, date, date)
}
