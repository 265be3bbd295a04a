package transfer

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"restante/internal/store"
)

// maildirFolders finds the folders of a Maildir: Maildir++ (".Sent.2025" beside cur), and folders in folders.
func maildirFolders(o *Options) ([]folder, error) {
	var list []folder
	err := filepath.WalkDir(o.Path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return unreadable(o, p, err)
		}
		if !d.IsDir() {
			return nil
		}
		switch d.Name() {
		case "cur", "new", "tmp":
			if p != o.Path {
				return fs.SkipDir
			}
		}
		if fi, err := os.Stat(filepath.Join(p, "cur")); err != nil || !fi.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(o.Path, p)
		if err != nil {
			return err
		}
		m := &maildir{dir: p, o: o}
		n, err := m.count()
		if err != nil {
			return unreadable(o, p, err)
		}
		f := folder{path: maildirPath(rel), total: n, items: m.items}
		f.validity, f.next = m.uids()
		m.byUID = f.validity != 0 && !o.NewestFirst && !o.NewUIDs
		list = append(list, f)
		return nil
	})
	inboxFirst(list)
	return list, err
}

// unreadable is the error of a walk that goes on if it can.
func unreadable(o *Options, path string, err error) error {
	if path == o.Path || o.Progress == nil {
		return err
	}
	if err := o.Progress(Progress{Counts: Counts{Problems: 1}, Problem: &itemError{path, err}}); err != nil {
		return err
	}
	return fs.SkipDir
}

// maildirPath is the path of a folder by where it lies.
func maildirPath(rel string) string {
	if rel == "." {
		return inbox
	}
	var names []string
	for part := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		sub := []string{part}
		if strings.HasPrefix(part, ".") && len(part) > 1 { // Maildir++
			sub = strings.Split(part[1:], ".")
		}
		for _, name := range sub {
			names = append(names, strings.ReplaceAll(utf7(unescape(name)), "/", "_"))
		}
	}
	if len(names) == 1 && strings.EqualFold(names[0], inbox) {
		return inbox
	}
	return strings.Join(names, "/")
}

// maildir is one folder.
type maildir struct {
	dir   string
	o     *Options
	byUID bool // the order is that of UIDs, which are to be kept
}

// maildirFile is a message's file.
type maildirFile struct {
	name  string // with flags, and "new/" or "cur/" before it
	base  string // without them
	order uint32 // for POP3, 0 for none
	uid   uint32 // 0 for none
	place uint32 // in Courier's list for POP3, 0 for none
	uidl  string
	time  int64 // of the name, seconds
}

// each calls fn for the names of the files.
func (m *maildir) each(fn func(sub, name string)) error {
	for _, sub := range []string{"cur", "new"} {
		d, err := os.Open(filepath.Join(m.dir, sub))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		defer d.Close()
		for {
			names, err := d.Readdirnames(1000)
			for _, name := range names {
				if !strings.HasPrefix(name, ".") {
					fn(sub, name)
				}
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *maildir) count() (n uint64, err error) {
	err = m.each(func(string, string) { n++ })
	return n, err
}

// items yields the messages in the order of their UIDs, those without one after them, by the time in their names.
func (m *maildir) items(ctx context.Context) iter.Seq2[*item, error] {
	return func(yield func(*item, error) bool) {
		files, err := m.files()
		if err != nil {
			yield(nil, &itemError{m.dir, err})
			return
		}
		words := readKeywords(filepath.Join(m.dir, "dovecot-keywords"))
		for i := range files {
			if !yield(m.item(&files[i], words)) {
				return
			}
		}
	}
}

// files lists the messages in their order.
func (m *maildir) files() ([]maildirFile, error) {
	known, err := m.known()
	if err != nil {
		return nil, err
	}
	var files []maildirFile
	err = m.each(func(sub, name string) {
		base, _, _ := strings.Cut(name, ":")
		f := maildirFile{name: sub + "/" + name, base: base, time: nameTime(base)}
		if k, ok := known[base]; ok {
			f.uid, f.uidl, f.order, f.place = k.uid, k.uidl, k.order, k.place
			if m.byUID {
				f.order = 0
			}
		}
		files = append(files, f)
	})
	slices.SortFunc(files, func(a, b maildirFile) int {
		return cmp.Or(
			cmp.Compare(a.order-1, b.order-1), // 0 is the last
			cmp.Compare(a.uid-1, b.uid-1),
			cmp.Compare(a.place-1, b.place-1),
			cmp.Compare(a.time, b.time), cmp.Compare(a.base, b.base), cmp.Compare(a.name, b.name))
	})
	if m.o.NewestFirst {
		slices.Reverse(files)
	}
	return files, err
}

// uids are UIDVALIDITY and UIDNEXT of a folder, 0 for none.
func (m *maildir) uids() (validity, next uint32) {
	for _, name := range []string{dovecotList, courierList} {
		f, err := os.Open(filepath.Join(m.dir, name))
		if err != nil {
			continue // what is wrong with it is said when it is read
		}
		defer f.Close()
		s := bufio.NewScanner(f)
		s.Buffer(make([]byte, 0, 4096), maxListLine)
		if s.Scan() {
			validity, next, _ = uidListHead(s.Text())
		}
		for validity != 0 && s.Scan() { // lines are added behind a first one that stays
			if f, _, ok := uidListLine(s.Text()); ok && f.uid < 1<<32-1 {
				next = max(next, f.uid+1)
			}
		}
		return validity, next
	}
	return 0, 0
}

// known reads what a server has noted of the files: Dovecot, or else Courier, which has a list for IMAP and another for POP3.
func (m *maildir) known() (map[string]maildirFile, error) {
	known, err := m.list(dovecotList, readUIDList)
	if known != nil || err != nil {
		return known, err
	}
	imap, err := m.list(courierList, func(r io.Reader, _ string) (map[string]maildirFile, error) { return readUIDList(r, "") })
	if err != nil {
		return nil, err
	}
	known, err = m.list("courierpop3dsizelist", readSizeList)
	if err != nil || imap == nil {
		return known, err
	}
	for base, f := range imap {
		f.uidl, f.place = known[base].uidl, known[base].place
		imap[base] = f
	}
	for base, f := range known {
		if _, both := imap[base]; !both {
			imap[base] = f
		}
	}
	return imap, nil
}

const (
	dovecotList = "dovecot-uidlist"
	courierList = "courierimapuiddb"
)

// list reads a list of files, nil when there is none.
func (m *maildir) list(name string, read func(io.Reader, string) (map[string]maildirFile, error)) (map[string]maildirFile, error) {
	f, err := os.Open(filepath.Join(m.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := read(bufio.NewReader(f), m.o.uidlFormat())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return list, nil
}

func (m *maildir) item(f *maildirFile, words map[byte]string) (*item, error) {
	path := filepath.Join(m.dir, filepath.FromSlash(f.name))
	fi, err := os.Stat(path)
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("this is no file")
	}
	if err != nil {
		return nil, &itemError{path, err}
	}
	it := &item{
		where: path, name: f.base, uidl: f.uidl, uid: f.uid, weight: 1, size: uint64(fi.Size()), internal: fi.ModTime(), open: openFile(path),
	}
	// A copy that did not keep the times of the files is younger than its messages.
	if named := time.Unix(f.time, 0); f.time > 0 && it.internal.Sub(named) > time.Hour {
		it.internal = named
	}
	if _, info, ok := strings.Cut(f.name, ":2,"); ok {
		it.flags, it.keywords = maildirFlags(info, words)
	}
	return it, nil
}

// nameTime is the time in the name of a file, which is when it was delivered; 0 for none.
func nameTime(base string) int64 {
	head, _, _ := strings.Cut(base, ".")
	n, err := strconv.ParseInt(head, 10, 64)
	if err != nil || n < 0 || n > 1<<33 {
		return 0
	}
	return n
}

// maildirFlags reads the letters after ":2,".
func maildirFlags(info string, words map[byte]string) (flags store.Flags, keywords []string) {
	for i := range len(info) {
		switch c := info[i]; {
		case c == ',':
			return flags, keywords // extensions of others
		case c == 'P':
			keywords = append(keywords, forwarded)
		case c >= 'a' && c <= 'z':
			if w := words[c]; w != "" {
				keywords = append(keywords, w)
			}
		default:
			flags |= maildirLetters()[c]
		}
	}
	return flags, keywords
}

// forwarded is the keyword of the letter P, passed on.
const forwarded = "$Forwarded"

func maildirLetters() map[byte]store.Flags {
	return map[byte]store.Flags{'S': store.Seen, 'R': store.Answered, 'F': store.Flagged, 'T': store.Deleted, 'D': store.Draft}
}

// readKeywords reads dovecot-keywords: lines of a number, which is the place of the letter, and a name.
func readKeywords(path string) map[byte]string {
	words := make(map[byte]string)
	f, err := os.Open(path)
	if err != nil {
		return words
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		number, name, ok := strings.Cut(s.Text(), " ")
		if n, err := strconv.Atoi(number); ok && err == nil && n >= 0 && n < 26 {
			words['a'+byte(n)] = name
		}
	}
	return words
}
