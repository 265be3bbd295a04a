// Package addr reads and writes the addresses of SMTP envelopes: mailboxes
// and paths of RFC 5321 4.1.2 with the internationalised forms of RFC 6531,
// address literals of RFC 5321 4.1.3, and the xtext and unitext encodings that
// carry an address inside an ESMTP parameter (RFC 3461 4, RFC 6533 3).
//
// # Model
//
// An [Address] is a pair: a local part without any quoting, and a [Domain] in
// canonical form. Two spellings of one mailbox parse to equal addresses:
//
//	"fred"@EXAMPLE.com      fred, example.com
//	fred@bücher.example     fred, xn--bcher-kva.example
//	u@[IPv6:2001:DB8:0::1]  u, [IPv6:2001:db8::1]
//
// The canonical form of a name is its A-label form in lower case, because it
// is unique, ASCII and what the DNS is asked for; [Domain.Unicode] gives people
// the other one. The local part keeps its letters as they were sent, for it
// belongs to whoever owns the domain (RFC 5321 2.4). Where that is this host,
// [Address.Key] says whether two addresses are the same mailbox: letter case and
// Unicode composition do not count.
//
// # Limits
//
// Everything is bounded: [MaxLocal], [MaxDomain]; parsing is linear in the
// input and never keeps more than the address itself.
//
// The package knows nothing of message header addresses (RFC 5322: comments,
// folding, display names, groups); that is proto/mime.
package addr
