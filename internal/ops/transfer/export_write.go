package transfer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// A mailbox's name has no "%" (store.GoodPath), so what cannot stand in a file's name is written as %XX.

// maildirName is a folder's name in Maildir++: modified UTF-7, ".", between the names and before them.
func maildirName(path string) string {
	var out strings.Builder
	for name := range strings.SplitSeq(path, store.Separator) {
		out.WriteString("." + strings.ReplaceAll(imapwire.EncodeUTF7(name), ".", "%2E"))
	}
	return out.String()
}

// treePath is where a mailbox lies in a tree of folders.
func treePath(path string) string {
	names := strings.Split(path, store.Separator)
	for i, name := range names {
		low := strings.ToLower(name)
		if dot := strings.LastIndexByte(name, '.'); dot == 0 || dot > 0 && slices.Contains([]string{".mbox", ".sbd", ".eml", ".msf"}, low[dot:]) {
			name = name[:dot] + "%2E" + name[dot+1:]
		}
		if strings.HasPrefix(name, ".") {
			name = "%2E" + name[1:]
		}
		names[i] = name
	}
	return filepath.Join(names...)
}

// unescape reads %XX.
func unescape(name string) string {
	var out strings.Builder
	for {
		text, rest, more := strings.Cut(name, "%")
		out.WriteString(text)
		if !more {
			return out.String()
		}
		if b, err := hex.DecodeString(rest[:min(2, len(rest))]); err == nil && len(b) == 1 {
			out.Write(b)
			rest = rest[2:]
		} else {
			out.WriteByte('_')
		}
		name = rest
	}
}

// maildirWriter writes a folder of a Maildir as Dovecot would.
type maildirWriter struct {
	dir     string
	list    *bufio.Writer
	file    *os.File
	letters []string // keywords
}

func newMaildirWriter(root string, m *store.MailboxView, seed store.Seed) (*maildirWriter, error) {
	dir := root
	if m.Path() != inbox {
		dir = filepath.Join(root, maildirName(m.Path()))
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	if dir != root {
		if err := os.WriteFile(filepath.Join(dir, "maildirfolder"), nil, 0o600); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, "dovecot-uidlist"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	w := &maildirWriter{dir: dir, file: f, list: bufio.NewWriter(f)}
	guid := fmt.Sprintf("%x%020x", seed[:], m.ID()) // 128 bits
	fmt.Fprintf(w.list, "3 V%d N%d G%s\n", m.UIDValidity(), m.UIDNext(), guid)
	return w, nil
}

// errKeywords is said of a message that was written without some of its keywords: there are more than letters.
var errKeywords = errors.New("a Maildir has no room for more than 26 keywords in a folder")

func (w *maildirWriter) write(ctx context.Context, l *letter) error {
	info, all := w.info(l)
	base := fmt.Sprintf("%d.R%sU%d.restante,S=%d,W=%d",
		max(store.InternalDate(l.entry).Unix(), 0), strings.ToUpper(fmt.Sprintf("%016x", uint64(l.entry.Message))), l.entry.UID, l.Size(), l.Size())
	if err := l.file(ctx, filepath.Join(w.dir, "cur", base+":2,"+info)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w.list, "%d P%s :%s\n", l.entry.UID, l.uidl, base)
	if err == nil && !all {
		err = errKeywords
	}
	return err
}

// info is the letters behind ":2,", sorted; all is false when there was none for a keyword.
func (w *maildirWriter) info(l *letter) (letters string, all bool) {
	var info []byte
	all = true
	for c, f := range maildirLetters() {
		if l.entry.Flags&f != 0 {
			info = append(info, c)
		}
	}
	for _, k := range l.keywords {
		if k == forwarded {
			info = append(info, 'P')
			continue
		}
		i := slices.Index(w.letters, k)
		if i < 0 {
			if i = len(w.letters); i == 26 {
				all = false
				continue
			}
			w.letters = append(w.letters, k)
		}
		info = append(info, 'a'+byte(i))
	}
	slices.Sort(info)
	return string(info), all
}

func (w *maildirWriter) close() error {
	err := errors.Join(w.list.Flush(), w.file.Close())
	var words strings.Builder
	for i, k := range w.letters {
		fmt.Fprintf(&words, "%d %s\n", i, k)
	}
	if words.Len() > 0 {
		err = errors.Join(err, os.WriteFile(filepath.Join(w.dir, "dovecot-keywords"), []byte(words.String()), 0o600))
	}
	return err
}

// emlWriter writes a folder of message files, and the index that says what is not in them.
type emlWriter struct {
	dir   string
	file  *os.File
	index *bufio.Writer
}

func newEMLWriter(root, path string) (*emlWriter, error) {
	dir := filepath.Join(root, treePath(path))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, indexName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &emlWriter{dir: dir, file: f, index: bufio.NewWriter(f)}, nil
}

func (w *emlWriter) write(ctx context.Context, l *letter) error {
	name := fmt.Sprintf("%010d.eml", l.entry.UID)
	if err := l.file(ctx, filepath.Join(w.dir, name)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w.index, "%s\t%s\t%s\t%s\n", name, store.InternalDate(l.entry).Format(time.RFC3339Nano), l.flagNames(), l.uidl)
	return err
}

func (w *emlWriter) close() error { return errors.Join(w.index.Flush(), w.file.Close()) }

// mboxWriter writes an mboxrd: LF line ends, and ">" before each line of ">"s and "From ".
type mboxWriter struct {
	file *os.File
	out  *bufio.Writer
}

func newMboxWriter(root, path string) (*mboxWriter, error) {
	file := filepath.Join(root, treePath(path)+".mbox")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &mboxWriter{file: f, out: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (w *mboxWriter) write(_ context.Context, l *letter) error {
	date := store.InternalDate(l.entry)
	fmt.Fprintf(w.out, "From MAILER-DAEMON %s\n", date.UTC().Format(time.ANSIC))
	status, more := "O", ""
	for _, f := range []struct {
		flag store.Flags
		c    string
	}{{store.Answered, "A"}, {store.Flagged, "F"}, {store.Deleted, "D"}, {store.Draft, "T"}} {
		if l.entry.Flags&f.flag != 0 {
			more += f.c
		}
	}
	if l.entry.Flags&store.Seen != 0 {
		status = "RO"
	}
	fmt.Fprintf(w.out, "Status: %s\nX-Status: %s\nX-Keywords: %s\nX-UIDL: %s\n%s: %s\n",
		status, more, strings.Join(l.keywords, " "), l.uidl, mboxDate, date.Format(time.RFC3339Nano))
	if err := w.text(l.Reader(0, l.Size())); err != nil {
		return err
	}
	return w.out.WriteByte('\n')
}

// text writes a message line by line, or piece by piece of long ones.
func (w *mboxWriter) text(from io.Reader) error {
	r := bufio.NewReaderSize(from, 64<<10)
	body, inLine := false, false
	for {
		part, err := r.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return err
		}
		if !inLine && len(part) > 0 {
			if body && bytes.HasPrefix(bytes.TrimLeft(part, ">"), []byte(fromLine)) {
				w.out.WriteByte('>')
			}
			body = body || blank(part)
		}
		inLine = err == bufio.ErrBufferFull
		if line, ok := bytes.CutSuffix(part, []byte("\r\n")); ok {
			w.out.Write(line)
			part = []byte{'\n'}
		}
		if _, werr := w.out.Write(part); werr != nil {
			return werr
		}
		if err == io.EOF {
			return nil
		}
	}
}

func (w *mboxWriter) close() error { return errors.Join(w.out.Flush(), w.file.Close()) }
