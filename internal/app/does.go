package app

import (
	"slices"
	"strings"

	"restante/internal/directory"
	"restante/internal/serve/admind"
	"restante/internal/store/retention"
)

// does says in a sentence what a device does with mail: the answer to "am I using POP or IMAP?".
func does(d *admind.DeviceDetail) string {
	if !d.Revoked.IsZero() {
		return "was revoked; it can do nothing any more."
	}
	var parts []string
	switch {
	case d.Logins == 0:
		parts = append(parts, "has not been used yet")
		if slices.Equal(d.Scopes, []directory.Scope{directory.ScopePOP3}) {
			parts = append(parts, "is to collect by POP3: "+collects(d))
		}
	case d.LastPOP.IsZero():
		parts = append(parts, reads(d))
	case d.Protocol == "POP3":
		parts = append(parts, "collects by POP3: "+collects(d))
	default:
		parts = append(parts, reads(d), "has collected by POP3 before: "+collects(d))
	}
	return strings.Join(parts, "; ") + "."
}

// reads is what a device does that leaves mail where it is.
func reads(d *admind.DeviceDetail) string {
	switch d.Protocol {
	case "IMAP", "JMAP":
		return "reads by " + d.Protocol + ", all mail stays on the server"
	}
	return "was last used by " + d.Protocol
}

// collects is what becomes of the mail that a POP device deletes.
func collects(d *admind.DeviceDetail) string {
	to := map[string]string{"trash": "it goes to Trash", "archive": "it goes to Archive", "delete": "it is removed"}[d.Rule.Then]
	wait := " once every device that uses POP3 has it"
	if d.Rule.WaitFor == retention.WaitForAny.String() {
		wait = " as soon as one device has it"
	}
	switch d.Rule.Keep {
	case retention.KeepForever.String():
		return "mail that it deletes stays on the server"
	case retention.KeepNone.String():
		return "when it deletes mail, " + to + " at once," + wait
	}
	return "mail that it deletes stays on the server for " + period(d.Rule.Keep) + ", then " + to + wait
}

// period is a period as people say it.
func period(text string) string {
	if n, ok := strings.CutSuffix(text, "d"); ok {
		if n == "1" {
			return "a day"
		}
		return n + " days"
	}
	return text
}
