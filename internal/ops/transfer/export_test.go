package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/store"
)

// fill puts messages of all kinds into an account.
func (h *house) fill() {
	h.t.Helper()
	ctx := context.Background()
	date := time.Date(2019, 12, 31, 23, 59, 58, 123e6, time.FixedZone("", 7200))
	for i, m := range []struct {
		path, text string
		o          store.AddOptions
	}{
		{inbox, "Subject: a\n\nFrom here\n>From there\n\nFrom x Mon May  4 03:02:01 2020\n\n", store.AddOptions{Flags: store.Seen | store.Flagged, Keywords: []string{"work", "$Forwarded"}, UIDL: "old:1"}},
		{inbox, "Subject: a\n\nFrom here\n>From there\n\nFrom x Mon May  4 03:02:01 2020\n\n", store.AddOptions{}},
		{inbox, "Status: mine\nX-UIDL: mine\nContent-Length: 3\nSubject: b\n\nlong " + strings.Repeat("x", 200_000) + "\n", store.AddOptions{Flags: store.Answered | store.Deleted | store.Draft}},
		{inbox, " begins with a space\nSubject: c\n", store.AddOptions{}},
		{inbox, "no header", store.AddOptions{Prepend: []byte("Return-Path: <a@b>\r\n")}},
		{inbox, "\n\n\n", store.AddOptions{}},
		{"Übung/example.org", "Subject: d\n\n", store.AddOptions{Keywords: []string{"work", "other"}}},
		{"..", "Subject: e\n", store.AddOptions{}},
		{"cur", "x: y\n\nz\n", store.AddOptions{}},
		{"a.b.mbox", "x: y\n\n.\n", store.AddOptions{}},
		{"a", "x: y\n\n1\n", store.AddOptions{}},
		{"a/b.eml", "x: y\n\n2\n", store.AddOptions{}},
	} {
		w, err := h.NewBody(ctx, store.BodyOptions{})
		must(h.t, err)
		_, err = w.Write([]byte(m.text))
		must(h.t, err)
		body, err := w.Finish(ctx)
		must(h.t, err)
		m.o.Internal = date.Add(time.Duration(i) * time.Hour)
		_, err = h.h.Update(ctx, store.Origin{}, func(tx *store.Tx) error {
			id, err := tx.Lookup(m.path)
			if errors.Is(err, store.ErrNoMailbox) {
				id, err = tx.CreateMailbox(m.path, store.RoleNone)
			}
			if err != nil {
				return err
			}
			_, err = tx.AddMessage(id, body, m.o)
			return err
		})
		must(h.t, err)
	}
}

// TestExportThenImport: octets, flags, keywords, dates and UIDLs come back, and once.
func TestExportThenImport(t *testing.T) {
	for _, format := range []Format{Maildir, Mbox, EML} {
		t.Run(string(format), func(t *testing.T) {
			from, to := newHouse(t), newHouse(t)
			from.fill()
			want := from.named()
			dir := filepath.Join(t.TempDir(), "out")
			counts, err := Export(context.Background(), ExportOptions{Account: from.h, Path: dir, Format: format})
			if err != nil || counts.Messages != 12 || counts.Octets != from.h.View().Used().Octets || counts.Problems != 0 {
				t.Fatalf("%+v, %v", counts, err)
			}
			to.bring(dir, nil)
			if got := to.named(); got != want {
				t.Errorf("got:\n%.3000s\nwant:\n%.3000s", got, want)
			}
			if again := to.bring(dir, nil); again.Messages != 0 || again.Before != 12 || len(to.problems) > 0 {
				t.Errorf("again: %+v %q", again, to.problems)
			}
			if _, err := Export(context.Background(), ExportOptions{Account: from.h, Path: dir, Format: format}); !errors.Is(err, ErrThere) {
				t.Errorf("over what is there: %v", err)
			}
		})
	}
}

// named is list with the UIDLs that POP3 clients see.
func (h *house) named() string {
	ctx := context.Background()
	seed := h.h.View().Seed()
	uidls, err := h.h.UIDLs(ctx, 0, 1<<64-1)
	must(h.t, err)
	var out []string
	for _, m := range h.h.View().Mailboxes() {
		must(h.t, m.Load(ctx))
		for e := range m.All() {
			if uidl, ok := uidls.Append(nil, e.Message); ok {
				out = append(out, m.Path()+" "+string(uidl)+" "+h.text(e.Message)[:1])
			} else {
				out = append(out, m.Path()+" "+seed.EmailID(e.Message)+" "+h.text(e.Message)[:1])
			}
		}
	}
	slices.Sort(out)
	lines := strings.Split(h.list(), "\n")
	for i, line := range lines { // the UIDL there is only that of messages that brought one
		if words := strings.SplitN(line, `] `, 3); len(words) == 3 {
			lines[i] = words[0] + "] " + words[1] + "] " + words[2][strings.IndexByte(words[2], '"'):]
		}
	}
	return strings.Join(lines, "\n") + strings.Join(out, "\n")
}

func TestExportLeavesNothingHalf(t *testing.T) {
	h := newHouse(t)
	h.fill()
	dir := t.TempDir()
	stop := errors.New("stop")
	_, err := Export(context.Background(), ExportOptions{Account: h.h, Path: filepath.Join(dir, "out"), Progress: func(Progress) error { return stop }})
	files, _ := os.ReadDir(dir)
	if !errors.Is(err, stop) || len(files) > 0 {
		t.Errorf("%v, left %v", err, files)
	}
	if _, err := Export(context.Background(), ExportOptions{Account: h.h, Path: dir, Mailbox: "nothing"}); !errors.Is(err, store.ErrNoMailbox) {
		t.Error(err)
	}
}
