package imapd

import (
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// UIDONLY (RFC 9586): after ENABLE no message has a number, neither in commands nor in responses. FETCH becomes UIDFETCH, EXPUNGE VANISHED, and commands
// that count messages are refused.

func errUIDRequired() error {
	return &imapwire.Error{Status: imapwire.BAD, Code: imapwire.CodeUIDRequired, Text: "messages are named by UIDs only"}
}

// fetchResponse begins a FETCH response, or what stands for it.
func (s *session) fetchResponse(seq imapwire.Seq, uid store.UID) imapwire.FetchWriter {
	if s.uidOnly {
		return s.out().UIDFetch(imapwire.UID(uid))
	}
	return s.out().Fetch(seq)
}

// tellFetch is fetchResponse with the UID, unasked. UIDFETCH has it already.
func (s *session) tellFetch(seq imapwire.Seq, uid store.UID) imapwire.FetchWriter {
	w := s.fetchResponse(seq, uid)
	if !s.uidOnly {
		w.UID(imapwire.UID(uid))
	}
	return w
}

// counts says that a command speaks of messages by their numbers: no EXPUNGE may follow then (RFC 7162 3.2.10).
func counts(args imapwire.Command) bool {
	c, ok := args.(interface{ Counts() bool })
	return ok && c.Counts()
}
