package smtpwire

import (
	"net/netip"
	"time"

	"restante/internal/proto/addr"
)

// Protocol is what a message came by, for the WITH clause of Received.
type Protocol struct {
	LMTP     bool
	Extended bool // EHLO, not HELO; LMTP always is
	UTF8     bool // the transaction asked for SMTPUTF8
	TLS      bool
	Auth     bool // the session was authenticated
}

// String returns the word of RFC 3848 1 and RFC 6531 4.3: "ESMTPS", "LMTP",
// "UTF8SMTPSA" and so on. SMTP after HELO has no word for TLS or AUTH.
func (p Protocol) String() string {
	word := "SMTP"
	switch {
	case p.LMTP:
		word = "LMTP"
	case !p.Extended && !p.TLS && !p.Auth:
		return word
	}
	switch {
	case p.UTF8:
		word = "UTF8" + word
	case !p.LMTP:
		word = "E" + word
	}
	if p.TLS {
		word += "S"
	}
	if p.Auth {
		word += "A"
	}
	return word
}

// Received is the trace that a host puts on top of a message (RFC 5321 4.4).
type Received struct {
	// Hello is the name that the client gave for itself; it is not believed.
	Hello string
	// Name is what the DNS says of Peer, where that was found out and holds in
	// both directions; may be empty.
	Name string
	// Peer is the client's address; not valid for a local socket.
	Peer netip.Addr
	// By is this host.
	By   string
	With Protocol
	// Cipher is the TLS cipher suite by its registered name, for the clause of RFC
	// 8314 4.3; empty without TLS.
	Cipher string
	// ID is the queue id: an atom.
	ID string
	// For is the recipient, if there is one only: two would tell them of each other
	// (RFC 5321 7.2). Otherwise it is zero.
	For  addr.Address
	Time time.Time
}

// AppendTo appends the header field, folded, with its CR LF:
//
//	Stamp = From-domain By-domain Opt-info [CFWS] ";" FWS date-time
//
// A Hello that is no domain is shown in a comment, a Name that is none not at all.
func (r Received) AppendTo(dst []byte) []byte {
	dst = append(dst, "Received: from "...)
	dst = r.appendFrom(dst)
	dst = append(append(dst, "\r\n\tby "...), r.By...)
	dst = append(append(dst, " with "...), r.With.String()...)
	if r.ID != "" {
		dst = append(append(dst, " id "...), r.ID...)
	}
	if !r.For.IsZero() {
		dst = append(append(dst, "\r\n\tfor "...), r.For.Path()...)
	}
	if r.Cipher != "" {
		dst = append(append(dst, "\r\n\ttls "...), r.Cipher...)
	}
	dst = append(dst, ";\r\n\t"...)
	dst = r.Time.AppendFormat(dst, "Mon, 2 Jan 2006 15:04:05 -0700")
	return append(dst, "\r\n"...)
}

// appendFrom obeys
//
//	Extended-Domain = Domain / ( Domain FWS "(" TCP-info ")" ) /
//	                  ( address-literal FWS "(" TCP-info ")" )
//	TCP-info        = address-literal / ( Domain FWS address-literal )
func (r Received) appendFrom(dst []byte) []byte {
	_, err := addr.ParseDomain(r.Hello)
	isDomain := err == nil && isPrintable(r.Hello)
	if isDomain {
		dst = append(dst, r.Hello...)
	} else {
		dst = append(dst, "unknown"...)
	}
	if r.Peer.IsValid() {
		dst = append(dst, " ("...)
		if name, err := addr.ParseDomain(r.Name); err == nil && !name.IsLiteral() {
			dst = append(append(dst, name...), ' ')
		}
		dst = append(append(dst, addr.Literal(r.Peer)...), ')')
	}
	if !isDomain && r.Hello != "" {
		dst = append(dst, " (HELO "...)
		for i := range len(r.Hello) {
			c := r.Hello[i]
			if c <= ' ' || c >= 0x7f || c == '(' || c == ')' || c == '\\' {
				c = '?'
			}
			dst = append(dst, c)
		}
		dst = append(dst, ')')
	}
	return dst
}
