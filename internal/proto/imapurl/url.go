// Package imapurl is the grammar of IMAP URLs (RFC 5092), with what authorizes them (RFC 4467): text to typed values and back.
//
//	imap://joe@example.com/INBOX;UIDVALIDITY=385759045/;UID=20/;SECTION=1.2;EXPIRE=2030-01-01T00:00:00Z;URLAUTH=user+ann:INTERNAL:91354a47...
//
// A [URL] names a server, a mailbox, the messages that a search finds, or a message or a part of one. [Parse] also reads references without a scheme
// or a server, as CATENATE uses them (RFC 4469 3): "/INBOX/;UID=20", and ";UID=20" for a message of the mailbox that is selected.
//
// It has no clock and looks nothing up: who may use a URL, whether it has expired, and whether its token is the right one is for the caller to
// judge. Work is linear in the length of the text, of which [MaxLength] octets are looked at.
//
// # What it does not do
//
// It does not read dot segments (RFC 3986 5.2.4): a mailbox with such a name is written with %2E. Of relative paths it reads only those that
// begin with the UID (RFC 5092 7.2 wants none, 9.1 has these).
package imapurl

import (
	"errors"
	"time"
)

// MaxLength is the longest URL that is read, in octets.
const MaxLength = 8 << 10

// ErrSyntax says that a text is no IMAP URL. All errors of Parse wrap it.
var ErrSyntax = errors.New("imapurl: not an IMAP URL")

// URL is a URL or a reference, with percent-encodings undone. The zero value is none.
type URL struct {
	Absolute bool    // it begins with "imap:"
	Server   *Server // nil when it names none; never nil when Absolute

	Mailbox     string // in UTF-8; "" for the server itself, or, with a UID, for the mailbox of the base
	UIDValidity uint32 // 0: not given
	Search      string // a search program; "" when not given
	UID         uint32 // 0: it is about a mailbox or a server
	Section     string // what stands in BODY[...]; "" for all of the message
	Partial     Partial

	Auth URLAuth

	// Rump is the text up to the mechanism and the token: what the token was made of (RFC 4467 6). It is empty when there is no URLAUTH.
	Rump string
}

// Server is where the mailbox is.
type Server struct {
	User string // whose mailboxes: "" for nobody's
	Auth string // a mechanism, "*" for any, "" when not given
	Host string // a domain name or an address; an IPv6 one in brackets
	Port uint16 // 0: not given, which is 143
}

// Partial is a range of octets. The zero value is everything.
type Partial struct {
	Offset uint64
	Count  uint64 // 0: to the end
}

// URLAuth is what authorizes others than the mailbox's owner to use a URL (RFC 4467 3). The zero value is none.
type URLAuth struct {
	Expire    time.Time // zero: never
	Access    Access
	User      string // of AccessUser and AccessSubmit
	Mechanism string // in capitals; "" when there is no token yet
	Token     string // hexadecimal, 32 digits at least
}

// Access says who may use a URL.
type Access uint8

// The access identifiers of RFC 4467 3.
const (
	AccessNone      Access = iota // no URLAUTH
	AccessAnonymous               // anonymous: every session
	AccessAuthUser                // authuser: every session that has logged in
	AccessUser                    // user+: this user's
	AccessSubmit                  // submit+: a submission server's, for this user
)

// prefix is the identifier as it is written, without the user.
func (a Access) prefix() string {
	switch a {
	case AccessAnonymous:
		return "anonymous"
	case AccessAuthUser:
		return "authuser"
	case AccessUser:
		return "user+"
	case AccessSubmit:
		return "submit+"
	}
	return ""
}

// Message reports whether the URL is about a message or a part of one.
func (u *URL) Message() bool { return u.UID != 0 }
