package app

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"restante/internal/serve/admind"
)

// Who has been told that an address does not exist, and writes there again, is told once more, and then not heard any more: until somebody forgives it.
func TestSuppressed(t *testing.T) {
	b := startWith(t, edited(t, "mail.other.test", ""))
	if err := b.AddDomain(t.Context(), "other.test"); err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(b.address("smtp"))
	a := startWith(t, edited(t, "mail.example.org", fmt.Sprintf("[[send.transport]]\ndomains = [\"other.test\"]\nhost = %q\n", at))).furnished(t)
	const text = "From: anna@example.org\r\nSubject: are you there?\r\n\r\nHello.\r\n"
	for n := range 2 {
		if err := submit(a.submitter(t, "submissions"), "anna@example.org", text, "nobody@other.test"); err != nil {
			t.Fatal(err)
		}
		a.received(t, "anna@example.org", n+1) // the report
		a.settled(t)
	}
	err := submit(a.submitter(t, "submissions"), "anna@example.org", text, "nobody@other.test")
	if err == nil || !strings.HasPrefix(err.Error(), "550 ") || !strings.Contains(err.Error(), "no such user here") || !strings.Contains(err.Error(), "try after") {
		t.Errorf("%v", err)
	}
	var list []admind.Suppressed
	for s, err := range a.Suppressed(t.Context(), "anna@example.org") {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if len(list) != 1 || list[0].To != "nobody@other.test" || list[0].Account != "anna@example.org" || list[0].Times != 2 || !strings.Contains(list[0].Said, "5.1.1") {
		t.Errorf("%+v", list)
	}
	if n, err := a.Unsuppress(t.Context(), "", "nobody@other.test"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	if err := submit(a.submitter(t, "submissions"), "anna@example.org", text, "nobody@other.test"); err != nil {
		t.Error(err)
	}
}

// settled waits until nobody learns any more of what has left the queue: an outcome is observed after the report of it is there.
func (h *house) settled(t *testing.T) {
	t.Helper()
	for strings.Count(h.log.String(), "state=failed") < h.mailbox(t, "anna@example.org", "INBOX") {
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the queue does not come to rest")
		}
	}
}
