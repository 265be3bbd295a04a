package imapd

import (
	"context"
	"io"
	"slices"
	"time"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/mime"
	"restante/internal/store"
)

// fetcher answers one FETCH. It works in two steps for each message: prepare finds everything that may fail, write sends it, so
// that a response once begun is a whole one.
type fetcher struct {
	s      *session
	items  []imapwire.FetchItem
	fields []*mime.FieldSet // of the items with HEADER.FIELDS
	record bool             // more than the mailbox's entry is needed
	want   store.Want       // of the record
	marks  bool             // \Seen is set
	since  store.ModSeq     // only messages with a greater one are told
	modSeq bool             // MODSEQ is told unasked (RFC 7162 3.1.4.1)
	uid    bool             // UID is told unasked, as after UID FETCH (RFC 9051 6.4.9)
	flags  *flagWriter
	seed   store.Seed
	zones  map[int16]*time.Location

	labels  map[store.UID][]string // of the batch at hand, for X-GM-LABELS
	values  []value                // of the items that need the record
	scratch []byte                 // what values hold is in here
	failed  error                  // the reply, if not OK
}

func (s *session) newFetcher(c *imapwire.Fetch) *fetcher {
	f := &fetcher{s: s, items: c.Items, uid: (c.UID || s.rev2) && !s.uidOnly, seed: s.sel.box.View().Seed()}
	f.since, f.modSeq = store.ModSeq(c.ChangedSince), c.ChangedSince > 0
	f.flags = s.flagWriter(s.sel.box.View())
	f.fields = make([]*mime.FieldSet, len(c.Items))
	f.values = make([]value, len(c.Items))
	for i := range c.Items {
		it := &c.Items[i]
		f.plan(it)
		switch it.Kind {
		case imapwire.FetchUID:
			f.uid = false // it is asked for, and told in its place
		case imapwire.FetchModSeq:
			f.modSeq = false
			s.enableCondStore()
		}
		if len(it.Section.Fields) > 0 {
			f.fields[i] = mime.NewFieldSet(it.Section.Fields...)
		}
		f.marks = f.marks || !it.Peek && !s.sel.readOnly && s.sel.rights&store.RightSeen != 0 // RFC 4314 4
	}
	if c.ChangedSince > 0 {
		s.enableCondStore()
	}
	return f
}

// plan notes what an item needs.
func (f *fetcher) plan(it *imapwire.FetchItem) {
	switch it.Kind {
	case imapwire.FetchEnvelope:
		f.want |= store.WantEnvelope
	case imapwire.FetchBody, imapwire.FetchBodyStructure:
		f.want |= store.WantStructure
	case imapwire.FetchPreview:
		f.want |= store.WantPreview
	case imapwire.FetchSection, imapwire.FetchBinary, imapwire.FetchBinarySize:
		if len(it.Section.Part) > 0 {
			f.want |= store.WantStructure
		}
	case imapwire.FetchRFC822, imapwire.FetchRFC822Header, imapwire.FetchRFC822Text, imapwire.FetchGmailLabels:
	default:
		return
	}
	f.record = true
}

// value is what is to be told of an item.
type value struct {
	null   bool
	binary bool      // as a literal8
	text   []byte    // all of it, or
	from   io.Reader // so many octets from a reader, or
	off, n int64     // octets of the message, when neither text nor from is set
	env    *mime.Envelope
	part   *mime.Part
}

// prepare finds the values of the items that come from a message's record or body.
func (f *fetcher) prepare(ctx context.Context, m *store.Message) error {
	f.scratch = f.scratch[:0]
	for i := range f.items {
		var err error
		v := &f.values[i]
		*v = value{}
		switch it := &f.items[i]; it.Kind {
		case imapwire.FetchEnvelope:
			v.env, err = m.Envelope(ctx)
		case imapwire.FetchBody, imapwire.FetchBodyStructure:
			v.part, err = m.Structure(ctx)
		case imapwire.FetchSection:
			*v, err = f.section(ctx, m, &it.Section, f.fields[i])
			v.cut(it.Partial)
		case imapwire.FetchRFC822:
			*v = value{n: m.Size()}
		case imapwire.FetchRFC822Header:
			*v, err = f.section(ctx, m, &imapwire.Section{Text: imapwire.SectionHeader}, nil)
		case imapwire.FetchRFC822Text:
			*v, err = f.section(ctx, m, &imapwire.Section{Text: imapwire.SectionBodyText}, nil)
		case imapwire.FetchBinary:
			*v, err = f.binary(ctx, m, it)
		case imapwire.FetchBinarySize:
			*v, err = f.binarySize(ctx, m, it)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cut makes the value a part of itself (RFC 9051 6.4.5): nothing when it begins beyond the end.
func (v *value) cut(p imapwire.Partial) {
	if p.Count == 0 || v.null {
		return
	}
	if v.text != nil {
		n := uint64(len(v.text))
		from := min(p.Offset, n)
		v.text = v.text[from : from+min(p.Count, n-from)]
		return
	}
	from := min(p.Offset, uint64(v.n))
	v.off += int64(from)
	v.n = int64(min(p.Count, uint64(v.n)-from))
}

// write writes a response. m is nil when no item needs it.
func (f *fetcher) write(ctx context.Context, msg fetched, m *store.Message) {
	w := f.s.fetchResponse(msg.seq, msg.entry.UID)
	if f.uid {
		w.UID(imapwire.UID(msg.entry.UID))
	}
	flags, modSeq := msg.marked, f.modSeq || msg.marked && f.s.condStore
	if msg.marked && f.s.condStore && !f.uid && !f.asked(imapwire.FetchUID) {
		w.UID(imapwire.UID(msg.entry.UID)) // RFC 7162 3.2.4
	}
	for i := range f.items {
		if it := &f.items[i]; it.Kind == imapwire.FetchFlags {
			flags = false
			w.FlagList(f.flags.list(msg.entry))
		} else if !f.writeEntry(w, it, msg.entry) {
			f.writeValue(ctx, w, it, &f.values[i], m)
		}
	}
	if flags {
		w.FlagList(f.flags.list(msg.entry))
	}
	if modSeq && !f.asked(imapwire.FetchModSeq) {
		w.ModSeq(imapwire.ModSeq(msg.entry.ModSeq))
	}
	w.End()
}

// asked says whether an item of that kind is asked for.
func (f *fetcher) asked(k imapwire.FetchKind) bool {
	return slices.ContainsFunc(f.items, func(it imapwire.FetchItem) bool { return it.Kind == k })
}

// writeEntry writes an item that the mailbox's entry tells, and reports whether it was one.
func (f *fetcher) writeEntry(w imapwire.FetchWriter, it *imapwire.FetchItem, e *store.Entry) bool {
	switch it.Kind {
	case imapwire.FetchUID:
		w.UID(imapwire.UID(e.UID))
	case imapwire.FetchSize:
		w.Size(int64(e.Size))
	case imapwire.FetchInternalDate:
		w.InternalDate(time.UnixMilli(e.Internal).In(f.zone(e.Zone)))
	case imapwire.FetchSaveDate:
		w.SaveDate(store.SaveDate(e))
	case imapwire.FetchModSeq:
		w.ModSeq(imapwire.ModSeq(e.ModSeq))
	case imapwire.FetchEmailID:
		w.EmailID(f.seed.EmailID(e.Message))
	case imapwire.FetchThreadID:
		w.ThreadID(f.seed.ThreadID(e.Thread))
	case imapwire.FetchGmailMessageID:
		w.GmailMessageID(gmailID(f.seed, uint64(e.Message)))
	case imapwire.FetchGmailThreadID:
		w.GmailThreadID(gmailID(f.seed, uint64(e.Thread)))
	case imapwire.FetchGmailLabels:
		w.GmailLabels(append(f.labels[e.UID], markLabels(f.flags.view, e)...))
	default:
		return false
	}
	return true
}

// writeValue writes an item that prepare has found the value of.
func (f *fetcher) writeValue(ctx context.Context, w imapwire.FetchWriter, it *imapwire.FetchItem, v *value, m *store.Message) {
	switch it.Kind {
	case imapwire.FetchEnvelope:
		w.Envelope(v.env)
		return
	case imapwire.FetchBody:
		w.Body(v.part)
		return
	case imapwire.FetchBodyStructure:
		w.BodyStructure(v.part)
		return
	case imapwire.FetchPreview:
		w.Preview(m.Preview(), false)
		return
	}
	label := it.Label()
	switch {
	case v.null:
		w.Null(label)
	case it.Kind == imapwire.FetchBinarySize:
		w.BinarySize(label, v.n)
	case v.text != nil && v.binary:
		w.Binary(label, v.text)
	case v.text != nil:
		w.Text(label, v.text)
	case v.from != nil && v.binary:
		w.BinaryFrom(label, v.n, v.from)
	case v.from != nil:
		w.TextFrom(label, v.n, v.from)
	default:
		w.TextBy(label, v.n, func(to io.Writer) error { return m.CopyRange(ctx, to, v.off, v.n) })
	}
}

// zone is an internal date's zone, minutes east of UTC.
func (f *fetcher) zone(minutes int16) *time.Location {
	if minutes == 0 {
		return time.UTC
	}
	z, ok := f.zones[minutes]
	if !ok {
		if f.zones == nil {
			f.zones = make(map[int16]*time.Location)
		}
		z = time.FixedZone("", int(minutes)*60)
		f.zones[minutes] = z
	}
	return z
}
