package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/test/demo"
)

// TestNeomutt writes a letter, reads it by IMAP and files it, then collects it by
// POP3, without a person at the keys.
func TestNeomutt(t *testing.T) {
	s := demo.Start(t, 2)
	home := t.TempDir()
	rc := write(t, filepath.Join(home, "rc"), fmt.Sprintf(`
set smtp_url="smtp://%s/"
set imap_user=u2 imap_pass=pass pop_user=u2 pop_pass=pass
set ssl_starttls=no ssl_force_tls=no
set from=u1@demo.test realname="Zoë" hostname=client.example use_envelope_from=yes
set folder="imap://%s/" spoolfile="imap://%[2]s/INBOX" record="" move=no delete=yes quit=yes confirmcreate=no confirmappend=no
set header_cache="" message_cachedir="" certificate_file="%[3]s/certificates"
set wait_key=no beep=no mail_check_stats=no resolve=no
`, s.Addr(demo.SMTP), s.Addr(demo.IMAP), home))
	// It wants a terminal; script gives it one.
	mutt := func(args string) {
		t.Helper()
		run(t, program{name: "script", args: []string{"-qec", "neomutt -n -F " + rc + " " + args, "/dev/null"},
			env: []string{"HOME=" + home, "TERM=xterm", "LC_ALL=C.UTF-8", "COLUMNS=80", "LINES=24"}})
	}
	body := write(t, filepath.Join(home, "body"), "Grüße.\n.\nFrom me.\n")
	attachment := write(t, filepath.Join(home, "plan.txt"), "the plan\n")
	run(t, program{name: "sh", args: []string{"-c", fmt.Sprintf("neomutt -n -F %s -s 'By neomutt: Grüße' -a %s -- u2@demo.test <%s", rc, attachment, body)},
		env: []string{"HOME=" + home, "TERM=xterm", "LC_ALL=C.UTF-8"}})
	c := login(t, s, "u2")
	if n := count(t, c, "INBOX", "MESSAGES"); n != 1 {
		t.Fatalf("INBOX has %d messages, want 1", n)
	}

	copied := filepath.Join(home, "copied")
	mutt(fmt.Sprintf(`-e 'push "<first-entry><flag-message><copy-message>%s<enter><copy-message>=Archive<enter><quit>"'`, copied))
	text, err := os.ReadFile(copied)
	if err != nil || !strings.Contains(string(text), "Content-Disposition: attachment; filename=\"plan.txt\"") {
		t.Errorf("the copy is %q (%v)", text, err)
	}
	if n := count(t, c, "Archive", "MESSAGES"); n != 1 {
		t.Errorf("Archive has %d messages, want 1", n)
	}
	do(t, c, "SELECT INBOX")
	if r := do(t, c, "FETCH 1 FLAGS"); !strings.Contains(r[0].Text, `\Flagged`) {
		t.Errorf("the letter is not flagged: %s", r[0].Text)
	}

	mutt(fmt.Sprintf(`-f pop://%s/ -e 'push "<first-entry><delete-message><quit>"'`, s.Addr(demo.POP3)))
	// What POP3 has deleted it is not shown again; for the others it stays a month, and is read.
	if n, _, err := maildrop(t, s, "u2").Stat(); n != 0 || err != nil {
		t.Errorf("the maildrop has %d messages after its only one was deleted, %v", n, err)
	}
	if n := count(t, login(t, s, "u2"), "INBOX", "UNSEEN"); n != 0 {
		t.Errorf("INBOX has %d unread messages", n)
	}
}
