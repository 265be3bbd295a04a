package imapwire

import (
	"fmt"
	"strings"
)

// Code is a response code with its arguments, without the brackets (RFC 9051 7.1, RFC 5530). Those with arguments are made by functions.
type Code string

// Codes without arguments.
const (
	CodeAlert                Code = "ALERT"
	CodeParse                Code = "PARSE"
	CodeReadOnly             Code = "READ-ONLY"
	CodeReadWrite            Code = "READ-WRITE"
	CodeTryCreate            Code = "TRYCREATE"
	CodeUIDNotSticky         Code = "UIDNOTSTICKY"
	CodeClosed               Code = "CLOSED"
	CodeUnknownCTE           Code = "UNKNOWN-CTE"
	CodeUnavailable          Code = "UNAVAILABLE" // RFC 5530 from here
	CodeAuthenticationFailed Code = "AUTHENTICATIONFAILED"
	CodeAuthorizationFailed  Code = "AUTHORIZATIONFAILED"
	CodeExpired              Code = "EXPIRED"
	CodePrivacyRequired      Code = "PRIVACYREQUIRED"
	CodeContactAdmin         Code = "CONTACTADMIN"
	CodeNoPerm               Code = "NOPERM"
	CodeInUse                Code = "INUSE"
	CodeExpungeIssued        Code = "EXPUNGEISSUED"
	CodeCorruption           Code = "CORRUPTION"
	CodeServerBug            Code = "SERVERBUG"
	CodeClientBug            Code = "CLIENTBUG"
	CodeCannot               Code = "CANNOT"
	CodeLimit                Code = "LIMIT"
	CodeOverQuota            Code = "OVERQUOTA"
	CodeAlreadyExists        Code = "ALREADYEXISTS"
	CodeNonExistent          Code = "NONEXISTENT"
	CodeNotSaved             Code = "NOTSAVED"    // RFC 5182
	CodeHasChildren          Code = "HASCHILDREN" // RFC 9051
	CodeNoModSeq             Code = "NOMODSEQ"    // RFC 7162
	CodeTooBig               Code = "TOOBIG"      // RFC 4469, RFC 7888
	CodeUseAttr              Code = "USEATTR"     // RFC 6154
	CodeCompressionActive    Code = "COMPRESSIONACTIVE"
	CodeBadComparator        Code = "BADCOMPARATOR"        // RFC 5255 4.9
	CodeNotificationOverflow Code = "NOTIFICATIONOVERFLOW" // RFC 5465
	CodeUIDRequired          Code = "UIDREQUIRED"          // RFC 9586
	CodeTooFew               Code = "TOOFEW"               // RFC 10022
)

// CodeUIDNext is UIDNEXT.
func CodeUIDNext(n UID) Code { return numCode("UIDNEXT ", uint64(n)) }

// CodeUIDValidity is UIDVALIDITY.
func CodeUIDValidity(n uint32) Code { return numCode("UIDVALIDITY ", uint64(n)) }

// CodeUnseen is UNSEEN, the first unseen message (RFC 3501 7.1; not in IMAP4rev2).
func CodeUnseen(n Seq) Code { return numCode("UNSEEN ", uint64(n)) }

// CodeHighestModSeq is HIGHESTMODSEQ (RFC 7162 3.1.2.1).
func CodeHighestModSeq(n ModSeq) Code { return numCode("HIGHESTMODSEQ ", uint64(n)) }

// CodeMailboxID is MAILBOXID (RFC 8474 4).
func CodeMailboxID(id string) Code { return Code("MAILBOXID (" + id + ")") }

// CodePermanentFlags is PERMANENTFLAGS.
func CodePermanentFlags(flags []Flag) Code { return Code(flagList([]byte("PERMANENTFLAGS "), flags)) }

// CodeCapability is CAPABILITY with the list.
func CodeCapability(names []string) Code { return Code("CAPABILITY " + strings.Join(names, " ")) }

// CodeBadCharset is BADCHARSET with the charsets that are known.
func CodeBadCharset(known ...string) Code {
	if len(known) == 0 {
		return "BADCHARSET"
	}
	return Code("BADCHARSET (" + strings.Join(known, " ") + ")")
}

// CodeAppendUID is APPENDUID (RFC 9051 7.1), with several UIDs after MULTIAPPEND (RFC 4315 3).
func CodeAppendUID(validity uint32, uids UIDSet) Code {
	b := appendUint([]byte("APPENDUID "), uint64(validity))
	return Code(uids.AppendTo(append(b, ' ')))
}

// CodeCopyUID is COPYUID: from and to have the same length, and their UIDs correspond in ascending order (RFC 4315 3).
func CodeCopyUID(validity uint32, from, to UIDSet) Code {
	b := appendUint([]byte("COPYUID "), uint64(validity))
	b = from.AppendTo(append(b, ' '))
	return Code(to.AppendTo(append(b, ' ')))
}

// CodeBadURL is BADURL with the URL that the client gave (RFC 4469 4.1). What cannot stand there is percent-encoded.
//
//	url-resp-text = 1*(%x01-09 / %x0B-0C / %x0E-5B / %x5D-FE) ; Any TEXT-CHAR except "]"
func CodeBadURL(url string) Code {
	b := []byte("BADURL ")
	for i := range len(url) {
		if c := url[i]; c <= ' ' || c >= 0x7f || c == ']' {
			b = fmt.Appendf(b, "%%%02X", c)
		} else {
			b = append(b, c)
		}
	}
	return Code(b)
}

// CodeModified is MODIFIED: the messages that STORE left alone, by numbers or UIDs as the command has them (RFC 7162 3.1.3).
func CodeModified[N Num](s Set[N]) Code { return Code(s.AppendTo([]byte("MODIFIED "))) }

// CodeMessageLimit is MESSAGELIMIT: no more than so many messages can be had at once; lowest, unless 0, is the lowest UID that was dealt with
// (RFC 9738 3.1).
func CodeMessageLimit(limit uint32, lowest UID) Code {
	b := appendUint([]byte("MESSAGELIMIT "), uint64(limit))
	if lowest != 0 {
		b = appendUint(append(b, ' '), uint64(lowest))
	}
	return Code(b)
}

// CodeInProgress is INPROGRESS: so much of the command of that tag is done; goal 0 is not known (RFC 9585).
//
//	resp-text-code =/ "INPROGRESS" [SP "(" (nil / quoted) SP (nil / number) SP (nil / nz-number) ")"]
func CodeInProgress(tag string, done, goal uint32) Code {
	b := []byte("INPROGRESS (")
	if strings.ContainsAny(tag, "]\"\\") { // RFC 9585 4: it would end the code
		b = append(b, "NIL "...)
	} else {
		b = append(append(append(b, '"'), tag...), '"', ' ')
	}
	b = append(appendUint(b, uint64(done)), ' ')
	if goal == 0 {
		return Code(append(b, "NIL)"...))
	}
	return Code(append(appendUint(b, uint64(goal)), ')'))
}

// CodeMetadataTooMany is METADATA TOOMANY (RFC 5464 4.3).
const CodeMetadataTooMany Code = "METADATA TOOMANY"

// CodeMetadataMaxSize is METADATA MAXSIZE: the most octets that a value may have (RFC 5464 4.3).
func CodeMetadataMaxSize(n int64) Code { return numCode("METADATA MAXSIZE ", uint64(n)) }

// CodeMetadataLongEntries is METADATA LONGENTRIES: the octets of the longest value that MAXSIZE left out (RFC 5464 4.2.1).
func CodeMetadataLongEntries(n int) Code { return numCode("METADATA LONGENTRIES ", uint64(n)) }

// Name is the code without its arguments.
func (c Code) Name() string {
	name, _, _ := strings.Cut(string(c), " ")
	return name
}

func numCode(name string, n uint64) Code { return Code(appendUint([]byte(name), n)) }
