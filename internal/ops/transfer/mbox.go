package transfer

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Quoting is how an mbox keeps lines of messages that begin with "From ".
type Quoting string

// The ways of quoting. A message with Content-Length that fits is taken by its length (mboxcl) in all of them.
const (
	// QuoteRD puts ">" before each line of ">"s and "From " (mboxrd): nothing is lost.
	QuoteRD Quoting = "rd"
	// QuoteO puts ">" before "From " alone (mboxo): a line that was ">From " already comes back without its ">".
	QuoteO Quoting = "o"
	// QuoteNone changes nothing (mboxcl2).
	QuoteNone Quoting = "none"
)

const fromLine = "From "

// mboxFolders finds mboxes: a file, or each file of a tree that is one.
func mboxFolders(o *Options) ([]folder, error) {
	fi, err := os.Stat(o.Path)
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		m := &mbox{path: o.Path, quoting: o.Quoting}
		return []folder{{path: inbox, total: uint64(fi.Size()), items: m.items}}, nil
	}
	var list []folder
	err = filepath.WalkDir(o.Path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return unreadable(o, p, err)
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") || !isMbox(p) {
			return nil
		}
		rel, err := filepath.Rel(o.Path, p)
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return unreadable(o, p, err)
		}
		m := &mbox{path: p, quoting: o.Quoting}
		list = append(list, folder{path: mboxPath(rel), total: uint64(fi.Size()), items: m.items})
		return nil
	})
	inboxFirst(list)
	return list, err
}

// mboxPath is the path of an mbox in a tree: without .mbox, and without Thunderbird's .sbd.
func mboxPath(rel string) string {
	var names []string
	for name := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		for _, suffix := range []string{".mbox", ".sbd"} {
			if len(name) > len(suffix) {
				name = strings.TrimSuffix(name, suffix)
			}
		}
		names = append(names, utf7(name))
	}
	return plainPath(filepath.Join(names...))
}

// mbox is one file.
type mbox struct {
	path    string
	quoting Quoting
}

// items yields the messages as they stand.
func (m *mbox) items(ctx context.Context) iter.Seq2[*item, error] {
	return func(yield func(*item, error) bool) {
		f, err := os.Open(m.path)
		if err != nil {
			yield(nil, &itemError{m.path, err})
			return
		}
		defer f.Close()
		s := mboxScanner{f: f, r: bufio.NewReaderSize(f, 64<<10)}
		for n := 1; ctx.Err() == nil; n++ {
			p, err := s.next()
			if err == io.EOF {
				return
			}
			where := m.path + ", message " + strconv.Itoa(n)
			if err != nil {
				yield(nil, &itemError{where, err})
				return // where the next one begins is not known
			}
			if p.none {
				continue
			}
			if !yield(m.item(f, p, where), nil) {
				return
			}
		}
	}
}

func (m *mbox) item(f *os.File, p mboxPart, where string) *item {
	quoting := m.quoting
	if p.byLength {
		quoting = QuoteNone
	}
	it := &item{where: where, weight: uint64(p.end - p.from), internal: p.date}
	it.flags, it.keywords, it.uidl = p.fields.flags, p.fields.keywords, p.fields.uidl
	if !p.fields.date.IsZero() {
		it.internal = p.fields.date
	}
	it.open = func() (io.ReadCloser, error) {
		section := io.NewSectionReader(f, p.start, p.end-p.start)
		return io.NopCloser(newMboxReader(section, quoting)), nil
	}
	return it
}
