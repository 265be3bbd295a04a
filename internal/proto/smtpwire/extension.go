package smtpwire

import "strings"

// Extensions is a set of SMTP service extensions (RFC 5321 2.2).
type Extensions uint32

// The extensions that this package knows. Some have parameters; they are in
// [Capabilities].
const (
	Pipelining    Extensions = 1 << iota // RFC 2920
	Size                                 // RFC 1870
	EightBitMIME                         // RFC 6152
	SMTPUTF8                             // RFC 6531
	Chunking                             // RFC 3030
	BinaryMIME                           // RFC 3030
	EnhancedCodes                        // RFC 2034
	StartTLS                             // RFC 3207
	Auth                                 // RFC 4954
	DSN                                  // RFC 3461
	LimitsExt                            // RFC 9422
	DeliverBy                            // RFC 2852
	MTPriority                           // RFC 6710
	RequireTLS                           // RFC 8689
	FutureRelease                        // RFC 4865
	Help                                 // RFC 5321 4.1.1.8
	XClientExt                           // Postfix's XCLIENT
)

// extensionNames lists the EHLO keywords in the order in which they are sent.
var extensionNames = [...]struct {
	ext  Extensions
	name string
}{
	{Pipelining, "PIPELINING"},
	{Size, "SIZE"},
	{EightBitMIME, "8BITMIME"},
	{SMTPUTF8, "SMTPUTF8"},
	{Chunking, "CHUNKING"},
	{BinaryMIME, "BINARYMIME"},
	{EnhancedCodes, "ENHANCEDSTATUSCODES"},
	{StartTLS, "STARTTLS"},
	{Auth, "AUTH"},
	{DSN, "DSN"},
	{LimitsExt, "LIMITS"},
	{DeliverBy, "DELIVERBY"},
	{MTPriority, "MT-PRIORITY"},
	{RequireTLS, "REQUIRETLS"},
	{FutureRelease, "FUTURERELEASE"},
	{Help, "HELP"},
	{XClientExt, "XCLIENT"},
}

// Has says whether all of want are in e.
func (e Extensions) Has(want Extensions) bool { return e&want == want }

// String lists the keywords in e.
func (e Extensions) String() string {
	var names []string
	for _, x := range extensionNames {
		if e.Has(x.ext) {
			names = append(names, x.name)
		}
	}
	return strings.Join(names, " ")
}

func extensionByName(name string) Extensions {
	for _, x := range extensionNames {
		if strings.EqualFold(x.name, name) {
			return x.ext
		}
	}
	return 0
}
