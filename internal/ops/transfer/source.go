package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"restante/internal/store"
)

// Format is how a store of mail is made.
type Format string

// The formats.
const (
	// Maildir is a Maildir with Maildir++ folders (".Sent"), or folders in folders.
	Maildir Format = "maildir"
	// Mbox is a file with messages after each other, or a tree of such files.
	Mbox Format = "mbox"
	// EML is a tree of folders with a file for each message.
	EML Format = "eml"
	// IMAP and POP3 are servers that run.
	IMAP Format = "imap"
	POP3 Format = "pop3"
)

// ErrFormat says that nobody knows what lies at a path.
var ErrFormat = errors.New("this is no Maildir (it has no folder cur), no mbox (it does not begin with \"From \"), and has no .eml files")

// folder is a mailbox of a source.
type folder struct {
	path    string     // names with "/" between them; INBOX for the inbox
	role    store.Role // by its attributes
	mailbox string     // which it goes into, "" for none
	// validity and next are UIDVALIDITY and UIDNEXT there, 0 for none.
	validity, next uint32
	last           bool // after all others
	// total is what the weights of the messages add up to.
	total uint64
	// items yields the messages, or what is wrong with one.
	items func(ctx context.Context) iter.Seq2[*item, error]
}

// item is a message of a source.
type item struct {
	where    string // for people
	name     string // what it is known by there; "" for its octets
	flags    store.Flags
	keywords []string
	internal time.Time
	uidl     string
	uid      uint32 // 0 for none
	weight   uint64 // of the folder's total
	size     uint64 // of its octets, 0 for not known without reading them
	// open returns the octets; it may be called again, unless the item is live.
	open func() (io.ReadCloser, error)
	// live items come over a connection. The source has asked itself whether they were added before (had), and what it says of one holds when
	// its octets are closed.
	live, had bool
	// octets: a live item whose octets tell it from the others of the same name.
	octets bool
}

// itemError is what is wrong with a message, or a file that should have some.
type itemError struct {
	where string
	err   error
}

func (e *itemError) Error() string { return e.where + ": " + e.err.Error() }
func (e *itemError) Unwrap() error { return e.err }

// Detect says what lies at a path.
func Detect(path string) (Format, error) {
	if IsURL(path) {
		a, err := parseServer(path)
		return a.format, err
	}
	fi, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !fi.IsDir() {
		if isMbox(path) {
			return Mbox, nil
		}
		if isEML(path) {
			return EML, nil
		}
		return "", fmt.Errorf("%s: %w", path, ErrFormat)
	}
	found := Format("")
	err = filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // it will be reported when it is read
		case d.IsDir() && d.Name() == "cur":
			found = Maildir
		case d.Type().IsRegular() && isEML(p):
			found = EML
		case d.Type().IsRegular() && isMbox(p):
			found = Mbox
		default:
			return nil
		}
		return filepath.SkipAll
	})
	if err == nil && found == "" {
		err = fmt.Errorf("%s: %w", path, ErrFormat)
	}
	return found, err
}

func isEML(path string) bool { return strings.EqualFold(filepath.Ext(path), ".eml") }

func isMbox(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, len(fromLine))
	_, err = io.ReadFull(f, b)
	return err == nil && string(b) == fromLine
}

// folders lists what a source has, INBOX first. The caller calls done when it needs it no more.
func (im *importer) folders(ctx context.Context) (list []folder, done func(), err error) {
	done = func() {}
	switch o := im.o; o.Format {
	case Maildir:
		list, err = maildirFolders(o)
	case Mbox:
		list, err = mboxFolders(o)
	case EML:
		list, err = emlFolders(o)
	case IMAP, POP3:
		return im.serverFolders(ctx)
	default:
		err = fmt.Errorf("%q is none of maildir, mbox, eml, imap, pop3", o.Format)
	}
	return list, done, err
}
