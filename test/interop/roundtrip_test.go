package interop

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"restante/test/client"
	"restante/test/corpus"
	"restante/test/demo"
)

// TestRoundTrip sends every message of the corpus by SMTP to one account and by
// LMTP to another, and reads it by POP3 and by IMAP: the octets are those that
// were sent but for the trace fields on top, and all sizes agree. With
// RESTANTE_CORPUS it does so with the files of that folder.
func TestRoundTrip(t *testing.T) {
	messages := corpus.Messages()
	if dir := os.Getenv("RESTANTE_CORPUS"); dir != "" {
		var err error
		if messages, err = corpus.Load(dir); err != nil {
			t.Fatal(err)
		}
	}
	s := demo.Start(t, 2)
	for user, dial := range map[string]func() (*client.Mailer, error){
		"u1": func() (*client.Mailer, error) { return client.DialSMTP(s.Addr(demo.SMTP)) },
		"u2": func() (*client.Mailer, error) { return client.DialLMTP(s.Addr(demo.LMTP)) },
	} {
		m, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		kept := sendAll(t, m, user, messages)
		m.Close()
		t.Logf("%s: %d of %d messages were taken", user, len(kept), len(messages))
		byPOP := readByPOP3(t, s, user)
		byIMAP := readByIMAP(t, s, user)
		if len(byPOP) != len(kept) || len(byIMAP) != len(kept) {
			t.Fatalf("%s: %d messages were taken, POP3 has %d, IMAP %d", user, len(kept), len(byPOP), len(byIMAP))
		}
		for i, want := range kept {
			if !bytes.Equal(byPOP[i], byIMAP[i]) {
				t.Errorf("%s: %s: POP3 and IMAP differ", user, want.Name)
			}
			if err := same(byIMAP[i], want.Data); err != nil {
				t.Errorf("%s: %s: %v", user, want.Name, err)
			}
		}
	}
	if out, err := s.Run(t.Context(), "verify"); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}

// sendAll sends the messages to a user and returns those that were taken. Only
// what a message may not hold (NUL, RFC 5321 4.5.2 and RFC 5322 2.2) may be refused.
func sendAll(t *testing.T, m *client.Mailer, user string, messages []corpus.Message) []corpus.Message {
	t.Helper()
	var kept []corpus.Message
	for _, message := range messages {
		replies, err := m.Send("sender@example.org", []string{user + "@" + demo.Domain}, message.Data)
		switch {
		case err != nil:
			t.Fatalf("%s: %v", message.Name, err)
		case replies[0].OK():
			kept = append(kept, message)
		case replies[0].Code/100 != 5 || bytes.IndexByte(message.Data, 0) < 0:
			t.Errorf("%s was refused: %v", message.Name, replies[0])
		}
	}
	return kept
}

// readByPOP3 reads all messages of a maildrop, and holds its numbers against
// each other.
func readByPOP3(t *testing.T, s *demo.Server, user string) [][]byte {
	t.Helper()
	p := maildrop(t, s, user)
	n, octets, err := p.Stat()
	if err != nil {
		t.Fatal(err)
	}
	sizes, err := p.List()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := p.UIDL()
	if err != nil || len(ids) != n || len(sizes) != n {
		t.Fatalf("STAT has %d messages, LIST %d, UIDL %d (%v)", n, len(sizes), len(ids), err)
	}
	seen := map[string]bool{}
	texts := make([][]byte, n)
	for i := range texts {
		if seen[ids[i]] {
			t.Errorf("UIDL %s twice", ids[i])
		}
		seen[ids[i]] = true
		if texts[i], err = p.Retr(i + 1); err != nil {
			t.Fatal(err)
		}
		if int64(len(texts[i])) != sizes[i] {
			t.Errorf("message %d: LIST says %d octets, RETR sent %d", i+1, sizes[i], len(texts[i]))
		}
		octets -= sizes[i]
		top, err := p.Text(fmt.Sprintf("TOP %d 0", i+1))
		if err != nil {
			t.Fatal(err)
		}
		if header := headerOf(texts[i]); !bytes.Equal(top, header) {
			t.Errorf("message %d: TOP n 0 sent %d octets, the header has %d", i+1, len(top), len(header))
		}
	}
	if octets != 0 {
		t.Errorf("STAT differs from the sum of LIST by %d octets", octets)
	}
	return texts
}

// headerOf returns a message up to the empty line, with it.
func headerOf(message []byte) []byte {
	if bytes.HasPrefix(message, []byte("\r\n")) {
		return message[:2]
	}
	if i := bytes.Index(message, []byte("\r\n\r\n")); i >= 0 {
		return message[:i+4]
	}
	return message
}

// readByIMAP reads all messages of INBOX: whole, in two halves, and a piece of
// each.
func readByIMAP(t *testing.T, s *demo.Server, user string) [][]byte {
	t.Helper()
	c := login(t, s, user)
	do(t, c, "EXAMINE INBOX")
	var texts [][]byte
	for _, r := range do(t, c, "FETCH 1:* (RFC822.SIZE BODY.PEEK[])") {
		if len(r.Literals) != 1 {
			continue
		}
		if n := r.Number("RFC822.SIZE"); n != int64(len(r.Literals[0])) {
			t.Errorf("message %d: RFC822.SIZE %d, BODY[] has %d octets", len(texts)+1, n, len(r.Literals[0]))
		}
		texts = append(texts, r.Literals[0])
	}
	n := 0
	for _, r := range do(t, c, "FETCH 1:* (BODY.PEEK[HEADER] BODY.PEEK[TEXT])") {
		if !strings.Contains(r.Text, " FETCH ") {
			continue
		}
		if whole := bytes.Join(r.Literals, nil); n < len(texts) && !bytes.Equal(whole, texts[n]) {
			// An empty part may come as "" and not as a literal; then nothing is missing.
			t.Errorf("message %d: BODY[HEADER] and BODY[TEXT] have %d octets, BODY[] %d", n+1, len(whole), len(texts[n]))
		}
		n++
	}
	for i, text := range texts {
		from, length := len(text)/3, min(1000, len(text)-len(text)/3)
		r := do(t, c, "FETCH %d BODY.PEEK[]<%d.%d>", i+1, from, length)
		if got := r[0].Literals; length > 0 && (len(got) != 1 || !bytes.Equal(got[0], text[from:from+length])) {
			t.Errorf("message %d: the piece <%d.%d> differs", i+1, from, length)
		}
	}
	return texts
}

// same says how a stored message differs from the one that was sent, trace
// fields on top of it apart (RFC 5321 4.4; Delivered-To is ours).
func same(got, sent []byte) error {
	trace, ok := bytes.CutSuffix(got, sent)
	if !ok {
		return fmt.Errorf("SHA-256 %x of %d octets came back as other %d octets", sha256.Sum256(sent), len(sent), len(got))
	}
	unfolded := regexp.MustCompile(`\r\n[ \t]+`).ReplaceAllString(string(trace), " ")
	for _, field := range strings.Split(strings.TrimSuffix(unfolded, "\r\n"), "\r\n") {
		switch name, _, _ := strings.Cut(field, ":"); name {
		case "Return-Path", "Delivered-To", "Received":
		default:
			return fmt.Errorf("a field that was not sent: %q", field)
		}
	}
	return nil
}
