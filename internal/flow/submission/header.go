package submission

import (
	"fmt"
	"time"

	"restante/internal/proto/addr"
	"restante/internal/proto/mime"
)

// author is who a message says that it is from.
type author struct {
	addresses []addr.Address // of From, or of Resent-From where the message is sent again (RFC 5322 3.6.6)
	bad       bool           // there was an address that cannot be read
}

// defaults are what a header gets that lacks it (RFC 6409 8.2 and after).
type defaults struct {
	from      addr.Address
	date      time.Time
	messageID string // without angle brackets
}

// rewrite makes a sound header of one that a client wrote, with its blank line: Bcc goes and is returned, as does what only the last host may
// write; Date, Message-ID and From come where there is none. All other fields stay as they are, octet for octet.
func rewrite(header []byte, d defaults) (out, bcc []byte, id string, who author) {
	out = make([]byte, 0, len(header)+256)
	var resent author
	var from, date, sent, named bool
	add := make([]byte, 0, 256)
	for f := range mime.Fields(header) {
		raw := header[f.Start:f.End]
		switch {
		case f.Is("Bcc"), f.Is("Resent-Bcc"): // RFC 5322 3.6.3
			bcc = append(bcc, raw...)
			continue
		case f.Is("Return-Path"): // RFC 5321 4.4: of the last delivery alone
			continue
		case f.Is("From"):
			from = true
			who.read(f.Value)
		case f.Is("Resent-From"):
			sent = true
			resent.read(f.Value)
		case f.Is("Date"):
			date = true
		case f.Is("Message-ID"):
			named = true
			if ids := mime.MessageIDs(string(f.Value), 1); id == "" && len(ids) > 0 {
				id = ids[0]
			}
		}
		out = append(out, raw...)
	}
	if !from {
		add = fmt.Appendf(add, "From: %s\r\n", d.from.Path())
		who.addresses = []addr.Address{d.from}
	}
	if !date {
		add = fmt.Appendf(add, "Date: %s\r\n", d.date.Format(time.RFC1123Z))
	}
	if !named {
		id = d.messageID
		add = fmt.Appendf(add, "Message-ID: <%s>\r\n", id)
	}
	if sent {
		who = resent
	}
	return append(append(out, add...), "\r\n"...), bcc, id, who
}

// maxAuthors bounds the addresses of From that are looked at; more are refused.
const maxAuthors = 20

func (w *author) read(value []byte) {
	list, more := mime.ParseAddresses(string(value), maxAuthors)
	w.bad = w.bad || more
	for _, a := range list {
		if a.Host == "" {
			continue // the name of a group
		}
		parsed, err := addr.New(a.Mailbox, a.Host)
		if err != nil {
			w.bad = true
			continue
		}
		w.addresses = append(w.addresses, parsed)
	}
	w.bad = w.bad || len(w.addresses) == 0
}
