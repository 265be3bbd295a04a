package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"restante/internal/store"
)

// mboxPart is where a message lies in its file.
type mboxPart struct {
	from, start, end int64 // of the line "From ", of the message, behind it
	blank            int64 // of the line that ends the header
	date             time.Time
	byLength         bool // Content-Length has said where it ends
	none             bool // this is no mail
	fields           mboxFields
}

// mboxScanner finds the messages of an mbox.
type mboxScanner struct {
	f      *os.File
	r      *bufio.Reader
	at     int64  // where the next line begins
	from   []byte // the line "From " of the next message, if it was read already
	fromAt int64  // where that begins
}

var errNoFrom = errors.New(`no line "From " where a message should begin`)

// next returns the next message, or io.EOF.
func (s *mboxScanner) next() (p mboxPart, err error) {
	for s.from == nil {
		at := s.at
		line, err := s.line()
		if err != nil {
			return p, err
		}
		if blank(line) {
			continue
		}
		if !bytes.HasPrefix(line, []byte(fromLine)) {
			return p, errNoFrom
		}
		s.from, s.fromAt = line, at
	}
	p.from, p.start, p.date = s.fromAt, s.at, postmark(s.from)
	s.from = nil
	more, err := s.header(&p)
	if err != nil || !more {
		p.end = s.at
		return p, err
	}
	if end := s.at + p.fields.length; p.fields.length >= 0 && s.endsAt(end) {
		p.end, p.byLength = end, true
		_, err := s.f.Seek(end, io.SeekStart)
		s.r.Reset(s.f)
		s.at = end
		return p, err
	}
	return p, s.body(&p)
}

// folderData is how a message begins that programs keep their own data in.
const folderData = "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA"

// maxMboxLine is how much of a line is looked at.
const maxMboxLine = 4 << 10

// line reads a line and returns its beginning, or io.EOF.
func (s *mboxScanner) line() ([]byte, error) {
	var line []byte
	n := 0
	for {
		part, err := s.r.ReadSlice('\n')
		n += len(part)
		line = append(line, part[:min(len(part), maxMboxLine-len(line))]...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && n > 0 {
			err = nil
		}
		s.at += int64(n)
		return line, err
	}
}

// header reads the fields; more says whether the file goes on behind them.
func (s *mboxScanner) header(p *mboxPart) (more bool, err error) {
	f := fieldFilter{}
	p.fields.length = -1
	for {
		line, err := s.line()
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if blank(line) {
			p.blank = s.at - int64(len(line))
			return true, nil
		}
		if f.strips(line) {
			p.fields.read(string(line))
		} else if bytes.HasPrefix(line, []byte(folderData)) {
			p.none = true
		} else if name, value, ok := bytes.Cut(line, []byte{':'}); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			p.fields.setLength(string(value))
		}
	}
}

// body reads up to the next message. The blank line before that is not the message's.
func (s *mboxScanner) body(p *mboxPart) error {
	afterBlank, end := true, p.blank // the message may end with its header
	for {
		at := s.at
		line, err := s.line()
		if err != nil && err != io.EOF {
			return err
		}
		if err == io.EOF || afterBlank && isFrom(line) {
			if p.end = end; err == nil {
				s.from, s.fromAt = line, at
			}
			return nil
		}
		if afterBlank = blank(line); afterBlank {
			end = at
		} else {
			end = s.at
		}
	}
}

// endsAt says whether a message can end there: another one begins, or the file ends.
func (s *mboxScanner) endsAt(at int64) bool {
	b := make([]byte, 200)
	n, err := s.f.ReadAt(b, at)
	if err != nil && err != io.EOF {
		return false
	}
	if n == 0 {
		fi, err := s.f.Stat()
		return err == nil && fi.Size() == at
	}
	rest := bytes.TrimLeft(b[:n], "\r\n")
	if len(rest) == 0 {
		return n < len(b)
	}
	line, _, _ := bytes.Cut(rest, []byte{'\n'})
	return isFrom(line)
}

func blank(line []byte) bool { return len(bytes.TrimRight(line, "\r\n")) == 0 }

func isFrom(line []byte) bool {
	return bytes.HasPrefix(line, []byte(fromLine)) && !postmark(line).IsZero()
}

// postmark is the time in a line "From ", zero for none.
//
//	from-line = "From " [sender] SP day-name SP month SP day SP hour ":" minute [":" second] [SP zone] SP year [SP zone]
func postmark(line []byte) time.Time {
	words := strings.Fields(string(line))
	for i := 1; i+4 <= len(words); i++ {
		date := strings.Join(words[i:min(i+6, len(words))], " ")
		for _, layout := range []string{
			"Mon Jan 2 15:04:05 2006 -0700", "Mon Jan 2 15:04:05 2006", "Mon Jan 2 15:04:05 -0700 2006", "Mon Jan 2 15:04:05 MST 2006",
			"Mon Jan 2 15:04:05 2006 MST", "Mon Jan 2 15:04 2006", "Mon Jan 2 15:04 MST 2006",
		} {
			if t, err := time.Parse(layout, date); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// mboxDate is the field that Export writes the internal date into, the last of those that are not the message's.
const mboxDate = "X-Restante-Date"

// mboxFields are what programs write into a message's header about its state in an mbox.
type mboxFields struct {
	flags    store.Flags
	keywords []string
	uidl     string
	length   int64 // of the body by Content-Length, -1 for none
	date     time.Time
}

// read reads a field.
//
//	Status = "R" (seen) / "O" (old); X-Status = "A" answered, "F" flagged, "D" deleted, "T" draft
func (f *mboxFields) read(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	switch strings.ToLower(name) {
	case "status", "x-status":
		for _, c := range value {
			f.flags |= map[rune]store.Flags{'R': store.Seen, 'A': store.Answered, 'F': store.Flagged, 'D': store.Deleted, 'T': store.Draft}[c]
		}
	case "x-keywords":
		f.keywords = append(f.keywords, strings.Fields(value)...)
	case "x-uidl":
		f.uidl = value
	case "content-length":
		f.setLength(value)
	case "x-restante-date":
		f.date, _ = time.Parse(time.RFC3339Nano, value)
	}
}

func (f *mboxFields) setLength(value string) {
	if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 40); err == nil && n >= 0 {
		f.length = n
	}
}

// fieldFilter finds the fields that are the mbox's and not the message's. Where the header begins with such fields, these are the
// mbox's (this program writes them so), and what follows is the message's, whatever its name.
type fieldFilter struct {
	begun   bool
	leading bool // the header begins with the mbox's fields
	over    bool // and they are over
	ended   bool // with the one that is the last for certain
	last    bool // the field before this line was the mbox's
}

// strips says whether a line of the header is the mbox's.
func (f *fieldFilter) strips(line []byte) bool {
	switch {
	case f.ended:
		return false
	case f.begun && len(line) > 0 && (line[0] == ' ' || line[0] == '\t'):
		return f.last // folded
	case f.over:
		return false
	}
	f.last = isMboxField(line)
	if !f.begun {
		f.begun, f.leading = true, f.last
	}
	if f.leading && f.last && len(line) > len(mboxDate) && strings.EqualFold(string(line[:len(mboxDate)]), mboxDate) {
		f.over, f.ended = true, true
	} else if f.leading && !f.last {
		f.over = true
	}
	return f.last
}

func isMboxField(line []byte) bool {
	name, _, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return false
	}
	switch strings.ToLower(string(name)) {
	case "status", "x-status", "x-keywords", "x-uidl", "x-uid", "x-imap", "x-imapbase", "content-length", "x-restante-date":
		return true
	}
	return false
}
