package pop3wire

import (
	"encoding/base64"
	"strconv"
)

// Code is a response code (RFC 2449 8): it tells a program what the text tells
// a person. "" is none.
type Code string

// The response codes.
const (
	InUse      Code = "IN-USE"      // RFC 2449 8.1.2: logged in, but another session has the maildrop
	LoginDelay Code = "LOGIN-DELAY" // RFC 2449 8.1.1
	SysTemp    Code = "SYS/TEMP"    // RFC 3206 4: try again
	SysPerm    Code = "SYS/PERM"    // RFC 3206 4: tell somebody
	AuthFailed Code = "AUTH"        // RFC 3206 5: the credentials are the problem
	NeedUTF8   Code = "UTF8"        // RFC 6856 5
)

// AppendOK appends "+OK text" and CRLF.
func AppendOK(dst []byte, text string) []byte {
	return appendReply(dst, "+OK", "", text)
}

// AppendErr appends "-ERR [code] text" and CRLF.
func AppendErr(dst []byte, code Code, text string) []byte {
	return appendReply(dst, "-ERR", code, text)
}

func appendReply(dst []byte, status string, code Code, text string) []byte {
	start := len(dst)
	dst = append(dst, status...)
	if code != "" {
		dst = append(dst, " ["...)
		dst = append(dst, code...)
		dst = append(dst, ']')
	}
	if text != "" {
		dst = append(dst, ' ')
		for i := range len(text) { // a text with a line end in it must not become two replies
			if b := text[i]; b >= ' ' && b != 0x7f {
				dst = append(dst, b)
			}
		}
	}
	if len(dst)-start > MaxReply-2 {
		dst = dst[:start+MaxReply-2]
	}
	return append(dst, "\r\n"...)
}

// AppendListing appends a drop or scan listing, "a b" and CRLF: what follows
// STAT's +OK, and a line of LIST.
func AppendListing(dst []byte, a, b int64) []byte {
	dst = strconv.AppendInt(dst, a, 10)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, b, 10)
	return append(dst, "\r\n"...)
}

// AppendUnique appends a unique-id listing, "n id" and CRLF.
func AppendUnique(dst []byte, n int, id []byte) []byte {
	dst = strconv.AppendInt(dst, int64(n), 10)
	dst = append(dst, ' ')
	dst = append(dst, id...)
	return append(dst, "\r\n"...)
}

// AppendCapability appends a line of CAPA's list.
func AppendCapability(dst []byte, tag string, params ...string) []byte {
	dst = append(dst, tag...)
	for _, p := range params {
		dst = append(dst, ' ')
		dst = append(dst, p...)
	}
	return append(dst, "\r\n"...)
}

// AppendEnd appends the end of a multi-line reply.
func AppendEnd(dst []byte) []byte { return append(dst, ".\r\n"...) }

// AppendChallenge appends a challenge of an AUTH exchange (RFC 5034 4): with
// nothing to say it is "+" and a space.
func AppendChallenge(dst, challenge []byte) []byte {
	dst = append(dst, "+ "...)
	dst = base64.StdEncoding.AppendEncode(dst, challenge)
	return append(dst, "\r\n"...)
}

// IsUniqueID reports whether s may be a unique-id: 1 to 70 octets of 0x21 to
// 0x7E (RFC 1939 7).
func IsUniqueID(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 70
}
