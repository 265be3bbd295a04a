// Package sample fills an account with mail that a newcomer can look at: threads,
// attachments, HTML, several languages and charsets, flags, folders.
//
// Each file under mail/ is one message, after a small header of its own that says
// where it goes:
//
//	mailbox: Lists/Allotment   (INBOX without)
//	flags: seen flagged keyword:$label1
//	age: 2d3h
//
// In the message %DATE% stands for its date, age before now, and %BIG% for a long
// table.
package sample

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"restante/internal/store"
)

//go:embed mail/*.eml
var files embed.FS

// message is one file, ready to be delivered.
type message struct {
	mailbox string
	options store.AddOptions
	text    []byte
}

// Deliver adds the sample mail to an account, in one operation, as if it had come
// over the time before now.
func Deliver(ctx context.Context, s *store.Store, h *store.Account, now time.Time) error {
	messages, err := load(now)
	if err != nil {
		return err
	}
	bodies := make([]*store.Body, len(messages))
	for i, m := range messages {
		w, err := s.NewBody(ctx, store.BodyOptions{})
		if err != nil {
			return fmt.Errorf("sample: %w", err)
		}
		if _, err := w.Write(m.text); err != nil {
			return fmt.Errorf("sample: %w", err)
		}
		if bodies[i], err = w.Finish(ctx); err != nil {
			return fmt.Errorf("sample: %w", err)
		}
	}
	_, err = h.Update(ctx, store.Origin{Protocol: store.ProtocolImport}, func(tx *store.Tx) error {
		boxes := make(map[string]store.MailboxID)
		for i, m := range messages {
			id, ok := boxes[m.mailbox]
			if !ok {
				if id, err = mailbox(tx, m.mailbox); err != nil {
					return err
				}
				boxes[m.mailbox] = id
			}
			if _, err := tx.AddMessage(id, bodies[i], m.options); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	return nil
}

// load reads the messages, the oldest first.
func load(now time.Time) ([]message, error) {
	names, err := fs.Glob(files, "mail/*.eml")
	if err != nil {
		return nil, err
	}
	list := make([]message, 0, len(names))
	for _, name := range names {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		m, err := parse(b, now)
		if err != nil {
			return nil, fmt.Errorf("sample: %s: %w", name, err)
		}
		list = append(list, m)
	}
	slices.SortStableFunc(list, func(a, b message) int { return a.options.Internal.Compare(b.options.Internal) })
	return list, nil
}

func parse(b []byte, now time.Time) (message, error) {
	m := message{mailbox: "INBOX"}
	head, text, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok {
		return m, fmt.Errorf("no message in it")
	}
	for line := range strings.SplitSeq(string(head), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		var err error
		switch key {
		case "mailbox":
			m.mailbox = value
		case "flags":
			err = m.setFlags(strings.Fields(value))
		case "age":
			var age time.Duration
			age, err = parseAge(value)
			m.options.Internal = now.Add(-age).Truncate(time.Second)
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return m, err
		}
	}
	text = bytes.ReplaceAll(text, []byte("%DATE%"), []byte(m.options.Internal.Format(time.RFC1123Z)))
	m.text = bytes.Replace(text, []byte("%BIG%\n"), table(), 1)
	return m, nil
}

func (m *message) setFlags(words []string) error {
	flags := map[string]store.Flags{
		"seen": store.Seen, "answered": store.Answered, "flagged": store.Flagged, "draft": store.Draft,
	}
	for _, w := range words {
		if k, ok := strings.CutPrefix(w, "keyword:"); ok {
			m.options.Keywords = append(m.options.Keywords, k)
			continue
		}
		f, ok := flags[w]
		if !ok {
			return fmt.Errorf("unknown flag %q", w)
		}
		m.options.Flags |= f
	}
	return nil
}

// parseAge reads 2d3h, 20m: days and what time.ParseDuration knows.
func parseAge(s string) (time.Duration, error) {
	var days int
	if d, rest, ok := strings.Cut(s, "d"); ok {
		if _, err := fmt.Sscan(d, &days); err != nil {
			return 0, fmt.Errorf("age %q: %w", s, err)
		}
		if s = rest; s == "" {
			s = "0s"
		}
	}
	age, err := time.ParseDuration(s)
	return age + time.Duration(days)*24*time.Hour, err
}

// table is what a weather station might send: 6,000 lines, 170 KB.
func table() []byte {
	var b bytes.Buffer
	b.WriteString("minute,temperature,wind,rain\n")
	for i := range 6000 {
		fmt.Fprintf(&b, "%d,%d.%d,%d,%s\n", i, 8+i%13, i%10, (i*i)%29, []string{"no", "some", "no", "much"}[i/17%4])
	}
	return b.Bytes()
}

// mailbox finds a mailbox, or makes it and subscribes to it.
func mailbox(tx *store.Tx, path string) (store.MailboxID, error) {
	if id, err := tx.Lookup(path); err == nil {
		return id, nil
	}
	id, err := tx.CreateMailbox(path, store.RoleNone)
	if err != nil {
		return 0, err
	}
	return id, tx.Subscribe(path, true)
}
