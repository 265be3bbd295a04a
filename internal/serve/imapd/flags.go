package imapd

import (
	"restante/internal/proto/imapwire"
	"restante/internal/store"
)

// systemFlag is a system flag, on both sides.
type systemFlag struct {
	bit  store.Flags
	flag imapwire.Flag
}

// systemFlags are all that are kept, in the order in which they are told.
func systemFlags() [5]systemFlag {
	return [...]systemFlag{
		{store.Answered, imapwire.FlagAnswered},
		{store.Flagged, imapwire.FlagFlagged},
		{store.Deleted, imapwire.FlagDeleted},
		{store.Seen, imapwire.FlagSeen},
		{store.Draft, imapwire.FlagDraft},
	}
}

// storeFlags are flags as the store has them. \Recent and system flags that there are not cannot be kept and are left out
// (RFC 9051 7.1, PERMANENTFLAGS: the server ignores the change).
func storeFlags(flags []imapwire.Flag) (bits store.Flags, keywords []string) {
next:
	for _, f := range flags {
		for _, s := range systemFlags() {
			if f == s.flag {
				bits |= s.bit
				continue next
			}
		}
		if !f.System() {
			keywords = append(keywords, string(f))
		}
	}
	return bits, keywords
}

// flagWriter writes flags in wire form. Few combinations occur in a mailbox, so it remembers them. It serves one command.
type flagWriter struct {
	view   *store.View
	recent imapwire.UIDSet
	known  map[flagKey]string
	buf    []byte
}

type flagKey struct {
	flags    store.Flags
	recent   bool
	keywords uint64
}

// maxKnownFlags bounds what a flagWriter remembers.
const maxKnownFlags = 1000

// flagWriter makes a flagWriter for entries of a view.
func (s *session) flagWriter(v *store.View) *flagWriter {
	w := &flagWriter{view: v, known: make(map[flagKey]string)}
	if !s.rev2 {
		w.recent = s.sel.recent
	}
	return w
}

// list is the flags of a message, parted by spaces.
func (w *flagWriter) list(e *store.Entry) string {
	k := flagKey{e.Flags, len(w.recent) > 0 && w.recent.Contains(imapwire.UID(e.UID)), e.Keywords}
	if e.More != nil {
		return string(w.append(e, k.recent))
	}
	s, ok := w.known[k]
	if !ok {
		s = string(w.append(e, k.recent))
		if len(w.known) < maxKnownFlags {
			w.known[k] = s
		}
	}
	return s
}

func (w *flagWriter) append(e *store.Entry, recent bool) []byte {
	b := w.buf[:0]
	for _, s := range systemFlags() {
		if e.Flags&s.bit != 0 {
			b = append(append(b, s.flag...), ' ')
		}
	}
	for kw := range w.view.KeywordsOf(e) {
		b = append(append(b, kw...), ' ')
	}
	if recent {
		b = append(append(b, imapwire.FlagRecent...), ' ')
	}
	w.buf = b
	if len(b) > 0 {
		b = b[:len(b)-1]
	}
	return b
}

// tellKeywords says which flags there are, when there are more than the client knows of (RFC 9051 7.3.5).
func (s *session) tellKeywords(v *store.View) {
	if names := v.Keywords(); len(names) > s.sel.keywords {
		s.tellAllFlags(names)
	}
}

// tellAllFlags writes FLAGS and PERMANENTFLAGS.
func (s *session) tellAllFlags(keywords []string) {
	s.sel.keywords = len(keywords)
	flags := make([]imapwire.Flag, 0, len(keywords)+6)
	for _, f := range systemFlags() {
		flags = append(flags, f.flag)
	}
	for _, kw := range keywords {
		if kw != "" {
			flags = append(flags, imapwire.Flag(kw))
		}
	}
	s.out().Flags(flags)
	permanent, text := permanentFlags(flags, s.sel.rights), "flags that can be kept"
	if s.sel.readOnly {
		permanent, text = nil, "no flags can be changed"
	}
	s.out().Status("", imapwire.OK, imapwire.CodePermanentFlags(permanent), text)
}
