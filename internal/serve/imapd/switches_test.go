package imapd_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"restante/internal/proto/sasl"
	"restante/internal/serve/imapd"
	"restante/internal/store"
)

// uses has for each capability a command that only it makes possible; "" where there is none, or where TestSwitchesElsewhere looks. Before the login
// there is but AUTHENTICATE. %d is a literal of 60 octets, a message.
func uses() map[string]string {
	return map[string]string{
		"IMAP4rev1": "", "IMAP4rev2": "", "LITERAL+": "", "LITERAL-": "", "UTF8=ACCEPT": `APPEND INBOX UTF8 (~{60+}` + "\r\n" + message60 + ")",
		"SASL-IR": "AUTHENTICATE PLAIN AHUxAHBhc3M=", "ID": "ID NIL", "ENABLE": "ENABLE X",
		"NAMESPACE": "NAMESPACE", "IDLE": "IDLE\r\nDONE", "CHILDREN": `LIST "" * RETURN (CHILDREN)`, "LIST-EXTENDED": `LIST "" (INBOX)`,
		"LIST-STATUS": `LIST "" * RETURN (STATUS (MESSAGES))`, "SPECIAL-USE": `LIST (SPECIAL-USE) "" *`, "CREATE-SPECIAL-USE": `CREATE archive2 (USE (\Archive))`,
		"STATUS=SIZE": "STATUS INBOX (SIZE)", "UIDPLUS": "UID EXPUNGE 77", "UNSELECT": "UNSELECT", "MOVE": "UID MOVE 77 Trash",
		"MULTIAPPEND": "APPEND INBOX {60+}\r\n" + message60 + " {60+}\r\n" + message60,
		"REPLACE":     "REPLACE 1 INBOX {60+}\r\n" + message60, "CATENATE": "APPEND INBOX CATENATE (TEXT {60+}\r\n" + message60 + ")", "URL-PARTIAL": "",
		"URLAUTH": "RESETKEY", "URLAUTH=BINARY": `URLFETCH ("imap://u1@demo.test/INBOX" BODY)`,
		"APPENDLIMIT": "STATUS INBOX (APPENDLIMIT)", "BINARY": "FETCH 1 BINARY[1]", "ESEARCH": "SEARCH RETURN (COUNT) ALL", "SEARCHRES": "FETCH $ FLAGS",
		"WITHIN": "SEARCH NOT OR ALL YOUNGER 5", "SEARCH=FUZZY": "SEARCH OR ALL FUZZY SUBJECT x", "SORT": "SORT (DATE) UTF-8 ALL", "SORT=DISPLAY": "SORT (DISPLAYFROM) UTF-8 ALL", "ESORT": "SORT RETURN (COUNT) (DATE) UTF-8 ALL",
		"PARTIAL": "SEARCH RETURN (PARTIAL 1:2) ALL", "MULTISEARCH": "ESEARCH IN (PERSONAL) ALL", "CONTEXT=SEARCH": "SEARCH RETURN (UPDATE) ALL",
		"CONTEXT=SORT":          "SORT RETURN (UPDATE) (DATE) UTF-8 ALL",
		"THREAD=ORDEREDSUBJECT": "THREAD ORDEREDSUBJECT UTF-8 ALL", "THREAD=REFERENCES": "THREAD REFERENCES UTF-8 ALL", "THREAD=REFS": "THREAD REFS UTF-8 ALL",
		"CONDSTORE": "FETCH 1 MODSEQ", "QRESYNC": "", "OBJECTID": "FETCH 1 EMAILID", "SAVEDATE": "SEARCH SAVEDON 1-Jan-2026", "PREVIEW": "FETCH 1 PREVIEW",
		"QUOTA": `GETQUOTA ""`, "QUOTASET": `SETQUOTA "" ()`, "QUOTA=RES-STORAGE": "", "QUOTA=RES-MESSAGE": "", "QUOTA=RES-MAILBOX": "",
		"I18NLEVEL=1": "", "I18NLEVEL=2": "COMPARATOR", "UIDONLY": "", "UIDBATCHES": "UIDBATCHES 1000", "MESSAGELIMIT": "", "SAVELIMIT": "", "INPROGRESS": "",
		"ACL": "MYRIGHTS INBOX", "RIGHTS=texk": "", "LIST-MYRIGHTS": `LIST "" INBOX RETURN (MYRIGHTS)`, "METADATA": `GETMETADATA "" /private/comment`,
		"LIST-METADATA": `LIST "" INBOX RETURN (METADATA (/private/comment))`, "FILTERS": "SEARCH NOT FILTER x",
		"LANGUAGE": "LANGUAGE", "NOTIFY": "NOTIFY NONE", "COMPRESS=DEFLATE": "COMPRESS DEFLATE", "UNAUTHENTICATE": "UNAUTHENTICATE",
		"XLIST": `XLIST "" *`, "X-GM-EXT-1": "FETCH 1 X-GM-LABELS",
	}
}

const message60 = "From: a@demo.test\r\nSubject: one of sixty octets\r\n\r\nhello..\r\n"

// told is the capabilities of a list of responses.
func told(c *client) []string {
	c.t.Helper()
	first, _, _ := strings.Cut(raw(c.ok("CAPABILITY")), "\n")
	var names []string
	for _, name := range strings.Fields(first)[2:] {
		if before, _, ok := strings.Cut(name, "LIMIT="); ok {
			name = before + "LIMIT" // the rest is a value
		}
		names = append(names, name)
	}
	return names
}

// TestSwitches switches each capability off: it is not told, what only it makes possible is BAD, ENABLE passes it over, and everything else is
// as before. When it is not switched off, the same command is not BAD.
func TestSwitches(t *testing.T) {
	h := newHouse(t, plain())
	h.put("u1", "INBOX", message60, store.AddOptions{})
	c := h.login("u1")
	all := told(c)
	c.close()
	for _, name := range append(all, "LITERAL-") {
		command, ok := uses()[name]
		if !ok {
			t.Errorf("%s: name a command that only it makes possible, in uses", name)
			continue
		}
		for _, off := range []bool{false, true} {
			var sw imapd.Switches
			if off {
				sw.Disable = []string{strings.ToLower(name)}
			}
			h.must(sw.Check())
			h.imap.SetSwitches(sw)
			c := h.client()
			if name != "SASL-IR" {
				c.ok("LOGIN u1 pass")
			}
			if now := told(c); slices.Contains(now, name) == off && name != "LITERAL-" {
				t.Errorf("%s, off %v: %q", name, off, now)
			} else if len(now) < len(all)-1 && !slices.Contains([]string{"SASL-IR", "SORT", "CONDSTORE", "QUOTA", "URLAUTH", "ACL", "METADATA"}, name) {
				t.Errorf("%s, off %v: more went: %q", name, off, now)
			}
			if name != "SASL-IR" {
				c.ok("SELECT INBOX")
			}
			if name != "ENABLE" && name != "SASL-IR" {
				enabled := strings.Contains(raw(c.ok("ENABLE %s", name)), "ENABLED "+name)
				canBe := slices.Contains([]string{"IMAP4rev2", "CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "UIDONLY", "METADATA"}, name)
				if enabled != (canBe && !off) {
					t.Errorf("%s, off %v: enabled %v", name, off, enabled)
				}
			}
			if command != "" {
				got := c.do("%s", command)
				last := got[len(got)-1]
				if last.Tag == "+" { // IDLE
					last = c.until(fmt.Sprintf("t%d", c.tags))[0]
				}
				if (last.Name == "BAD") != off {
					t.Errorf("%s, off %v: %s", name, off, last.Raw)
				}
			}
			c.close()
		}
	}
}

// TestIDAfterLogin: who turns out to be another client learns what there is now.
func TestIDAfterLogin(t *testing.T) {
	h := newHouse(t, plain())
	h.imap.SetSwitches(imapd.Switches{Clients: []imapd.Client{
		{Name: "Broken*", Version: "1.*", Vendor: "acme", Disable: []string{"IDLE"}}, {Vendor: "ACME", Disable: []string{"LITERAL+"}},
	}})
	c := h.login("u1")
	defer c.close()
	for _, tt := range []struct{ id, without string }{
		{`("name" "Broken Mail" "version" "2.0")`, "none"},
		{`("name" "Broken Mail" "version" "2.0" "vendor" "Acme")`, "LITERAL+"},
		{`("name" "Broken Mail" "version" "1.7" "VENDOR" "Acme")`, "IDLE LITERAL+"},
		{`("name" "Broken Mail" "version" "1.7" "vendor" "Acme")`, "unchanged"},
		{"NIL", "none"},
	} {
		got := c.ok("ID %s", tt.id)
		if changed := len(got) == 3; changed != (tt.without != "unchanged" && tt.id != `("name" "Broken Mail" "version" "2.0")`) {
			t.Errorf("%s: %s", tt.id, raw(got))
		}
		now := told(c)
		for _, name := range []string{"IDLE", "LITERAL+"} {
			if tt.without != "unchanged" && slices.Contains(now, name) == strings.Contains(tt.without, name) {
				t.Errorf("%s: %s: %q", tt.id, name, now)
			}
		}
	}
}

func TestSwitchesAreChecked(t *testing.T) {
	for _, sw := range []imapd.Switches{
		{Disable: []string{"COMPRESS"}},
		{Disable: []string{"AUTH=X"}},
		{Disable: []string{"LOGINDISABLED"}},
		{Disable: []string{"IMAP4rev1", "IMAP4rev2"}},
		{Disable: []string{"IMAP4rev1"}, Clients: []imapd.Client{{Name: "x", Disable: []string{"IMAP4rev2"}}}},
		{Clients: []imapd.Client{{Disable: []string{"IDLE"}}}},
	} {
		if sw.Check() == nil {
			t.Errorf("%+v was taken", sw)
		}
	}
}

// TestSwitchedOffMechanisms: a client that could bind is not taken for one under attack when the operator has switched binding off.
func TestSwitchedOffMechanisms(t *testing.T) {
	o, conf := withTLS(t, houseOptions{})
	h := newHouse(t, o)
	h.imap.SetSwitches(imapd.Switches{Disable: []string{"AUTH=SCRAM-SHA-256-PLUS", "AUTH=PLAIN", "STARTTLS"}})
	c := h.client()
	if got := raw(c.do("STARTTLS")); !strings.Contains(got, "BAD unknown command") {
		t.Error(got)
	}
	c.close()
	h.imap.SetSwitches(imapd.Switches{Disable: []string{"AUTH=SCRAM-SHA-256-PLUS", "AUTH=PLAIN"}})
	c = h.client()
	c.ok("STARTTLS")
	c, _ = startTLS(t, c.conn, conf)
	defer c.close()
	if got := strings.Join(told(c), " "); !strings.HasSuffix(got, " LOGINDISABLED AUTH=SCRAM-SHA-256 AUTH=LOGIN") {
		t.Error(got)
	}
	for _, command := range []string{"LOGIN u1 pass", "AUTHENTICATE PLAIN AHUxAHBhc3M="} {
		if got := raw(c.do("%s", command)); !strings.Contains(got, "NO [CANNOT]") {
			t.Errorf("%s: %s", command, got)
		}
	}
	s := &sasl.ScramClient{Hash: sasl.SHA256, User: "u1", Password: "pass", Supports: true}
	if got := authenticate(c, sasl.ScramSHA256, s, true); !strings.HasPrefix(got, "a OK") {
		t.Error(got)
	}
}
