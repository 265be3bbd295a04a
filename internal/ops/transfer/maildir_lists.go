package transfer

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxListLine bounds a line of a server's list of files.
const maxListLine = 64 << 10

var errList = errors.New("not a list of files that this program knows")

// uidListHead reads the first line of a list of UIDs.
func uidListHead(line string) (validity, next uint32, err error) {
	words := strings.Fields(line)
	number := func(s string) uint32 {
		n, bad := strconv.ParseUint(s, 10, 32)
		if bad != nil {
			err = errList
		}
		return uint32(n)
	}
	switch {
	case len(words) >= 3 && words[0] == "1":
		validity, next = number(words[1]), number(words[2])
	case len(words) >= 1 && words[0] == "3":
		for _, w := range words[1:] {
			switch w[0] {
			case 'V':
				validity = number(w[1:])
			case 'N':
				next = number(w[1:])
			}
		}
	default:
		err = errList
	}
	if err != nil {
		return 0, 0, err
	}
	return validity, next, nil
}

// readUIDList reads Dovecot's list of UIDs, by the names of the files without flags.
//
//	list  = header *line
//	header = "3" *(SP ("V" uidvalidity / "N" nextuid / "G" guid / other)) LF    ; or "1" SP uidvalidity SP nextuid
//	line  = uid *(SP ("P" uidl / "O" order / "G" guid / other)) SP ":" name LF  ; or uid SP name
//
// courierimapuiddb is as Dovecot's first one. A damaged line is passed over: its file is there, and gets what it gets without the list.
func readUIDList(r io.Reader, format string) (map[string]maildirFile, error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), maxListLine)
	if !s.Scan() {
		return nil, s.Err() // empty
	}
	validity, _, err := uidListHead(s.Text())
	if err != nil {
		return nil, err
	}
	out := make(map[string]maildirFile)
	for s.Scan() {
		f, guid, ok := uidListLine(s.Text())
		if !ok {
			continue
		}
		base := strings.Clone(f.base)
		if f.uidl == "" && format != "" {
			f.uidl, err = expandUIDL(format, uidlFields{uid: f.uid, validity: validity, file: base, guid: guid})
			if err != nil {
				return nil, err
			}
		}
		f.base, f.uidl = "", strings.Clone(f.uidl)
		out[base] = f
	}
	return out, s.Err()
}

func uidListLine(line string) (f maildirFile, guid string, ok bool) {
	fields, name, marked := strings.Cut(line, " :")
	if !marked {
		fields, name, _ = strings.Cut(line, " ")
	}
	f.base, _, _ = strings.Cut(name, ":")
	words := strings.Split(fields, " ")
	uid, err := strconv.ParseUint(words[0], 10, 32)
	if err != nil || uid == 0 || f.base == "" {
		return f, "", false
	}
	f.uid = uint32(uid)
	for _, w := range words[1:] {
		if w == "" {
			continue
		}
		switch w[0] {
		case 'P':
			f.uidl = w[1:]
		case 'O':
			n, _ := strconv.ParseUint(w[1:], 10, 32)
			f.order = uint32(n)
		case 'G':
			guid = w[1:]
		}
	}
	return f, guid, true
}

// readSizeList reads Courier's list for POP3.
//
//	list = "/" version SP number SP uidvalidity LF *(name SP size SP uid [":" uidvalidity] LF)
//
// Its UIDLs are "UID" uid "-" uidvalidity, and the file's name where the UID is 0.
func readSizeList(r io.Reader, _ string) (map[string]maildirFile, error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), maxListLine)
	if !s.Scan() {
		return nil, s.Err()
	}
	head := strings.Fields(s.Text())
	if len(head) != 3 || !strings.HasPrefix(head[0], "/") {
		return nil, errList
	}
	out := make(map[string]maildirFile)
	for s.Scan() {
		words := strings.Fields(s.Text())
		if len(words) < 3 {
			continue
		}
		number, validity, own := strings.Cut(words[2], ":")
		if !own {
			validity = head[2]
		}
		uid, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			continue
		}
		base, _, _ := strings.Cut(words[0], ":")
		base = strings.Clone(base)
		f := maildirFile{place: uint32(uid), uidl: base}
		if uid != 0 {
			f.uidl = "UID" + number + "-" + validity
		}
		out[base] = f
	}
	return out, s.Err()
}
