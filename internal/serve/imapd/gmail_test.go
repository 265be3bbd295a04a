package imapd_test

import (
	"strings"
	"testing"

	"restante/internal/store"
)

// TestGmailNumbers: the ids are one for each message and thread, stay where the message goes, and can be searched for.
func TestGmailNumbers(t *testing.T) {
	h := newHouse(t, plain())
	for _, text := range []string{"Message-ID: <a@x>\r\nSubject: one\r\n\r\n1\r\n", "In-Reply-To: <a@x>\r\nSubject: Re: one\r\n\r\n2\r\n", "Subject: x\r\n\r\n3\r\n"} {
		h.put("u1", "INBOX", text, store.AddOptions{})
	}
	c := h.login("u1")
	defer c.close()
	ids := func() (messages, threads []string) {
		t.Helper()
		for _, r := range c.ok("FETCH 1:* (X-GM-MSGID X-GM-THRID)") {
			if r.Name == "FETCH" {
				id, _ := r.Values[0].Item("X-GM-MSGID")
				thread, _ := r.Values[0].Item("X-GM-THRID")
				messages, threads = append(messages, id.Text), append(threads, thread.Text)
			}
		}
		return messages, threads
	}
	c.ok("SELECT INBOX")
	m, th := ids()
	if m[0] == m[1] || m[1] == m[2] || th[0] != th[1] || th[1] == th[2] || th[0] != m[0] {
		t.Errorf("messages %q, threads %q", m, th)
	}
	if got := raw(c.ok("SEARCH X-GM-MSGID %s", m[1])); !strings.HasPrefix(got, "* SEARCH 2\n") {
		t.Error(got)
	}
	if got := raw(c.ok("SEARCH X-GM-THRID %s", th[1])); !strings.HasPrefix(got, "* SEARCH 1 2\n") {
		t.Error(got)
	}
	c.ok("COPY 2 Archive")
	c.ok("SELECT Archive")
	if again, _ := ids(); again[0] != m[1] {
		t.Errorf("%q after COPY, %q before", again, m)
	}
	if got := raw(c.ok("FETCH 1 X-GM-LABELS")); !strings.Contains(got, `X-GM-LABELS ("\\Inbox")`) {
		t.Error(got)
	}
}

// TestLabelsOfMany: more messages than one transaction takes.
func TestLabelsOfMany(t *testing.T) {
	h := newHouse(t, plain())
	texts := make([]string, 2500)
	for i := range texts {
		texts[i] = "Subject: x\r\n\r\nx\r\n"
	}
	h.putMany("u1", "INBOX", store.AddOptions{}, texts...)
	c := h.login("u1")
	defer c.close()
	c.ok("SELECT INBOX")
	if got := c.ok("STORE 1:* +X-GM-LABELS (all of-them)"); len(got) != 2501 {
		t.Errorf("%d responses", len(got))
	}
	for _, status := range []string{"all", "of-them"} {
		if got := raw(c.ok("STATUS %s (MESSAGES)", status)); !strings.Contains(got, "(MESSAGES 2500)") {
			t.Error(got)
		}
	}
	c.ok("STORE 1:* -X-GM-LABELS.SILENT all")
	if got := raw(c.ok("STATUS all (MESSAGES)")); !strings.Contains(got, "(MESSAGES 0)") {
		t.Error(got)
	}
}
