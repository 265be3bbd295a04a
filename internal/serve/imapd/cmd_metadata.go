package imapd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/store"
	"restante/internal/store/retention"
)

// Entries with a meaning of their own (RFC 5464 3.2.1, RFC 6154 4, RFC 5466 3.2). All others are kept as they are.
const (
	scopePrivate    = "/private"
	scopeShared     = "/shared"
	entrySpecialUse = scopePrivate + "/specialuse"
	filterValues    = "/filters/values/"
	// entryRetention is how long messages stay in a mailbox: "14d", "14d flagged", "forever"; NIL is what the domain or the server says.
	// What is read is the rule that holds, whoever has said it; NIL if nobody has.
	entryRetention = scopeShared + "/vendor/vendor.restante/retention"
)

// Bounds of one command.
const (
	maxListEntries  = 64       // entries of LIST ... RETURN (METADATA)
	metadataAtOnce  = 64 << 10 // octets of values in one response
	vendorNamespace = "/vendor/"
)

// annotated is what annotations are of: a mailbox, or the server.
type annotated struct {
	s    *session
	name imapwire.Mailbox // "": the server
	at   located          // of the server it is only the user's own account
}

// annotated finds what a name means that annotations can be of, and that the user may see (RFC 5464 3.3).
func (s *session) annotated(ctx context.Context, name imapwire.Mailbox) (annotated, error) {
	if name == "" {
		return annotated{s: s, at: located{account: s.account, rights: store.AllRights}}, nil
	}
	at, err := s.locateName(ctx, name)
	if err == nil {
		err = store.PermitAnnotations(at.rights)
	}
	return annotated{s, name, at}, err
}

func (a *annotated) mailbox() store.MailboxID {
	if a.name == "" {
		return 0
	}
	return a.at.box.ID()
}

func (a *annotated) view() *store.View {
	if a.name == "" {
		return a.at.account.View()
	}
	return a.at.box.View()
}

// GETMETADATA: RFC 5464 4.2.
//
//	getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
func cmdGetMetadata(s *session, ctx context.Context, c *imapwire.GetMetadata) (done, error) {
	a, err := s.annotated(ctx, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	var values []imapwire.MetadataValue
	seen := make(map[string]bool)
	for _, entry := range c.Entries {
		for _, v := range a.values(entry, c.Depth) {
			if !seen[v.Entry] {
				seen[v.Entry] = true
				values = append(values, v)
			}
		}
	}
	longest := 0
	if c.Limited {
		values = slices.DeleteFunc(values, func(v imapwire.MetadataValue) bool {
			if uint64(len(v.Value)) <= uint64(c.MaxSize) {
				return false
			}
			longest = max(longest, len(v.Value))
			return true
		})
	}
	s.tellMetadata(c.Mailbox, values)
	if longest > 0 {
		return done{code: imapwire.CodeMetadataLongEntries(longest)}, nil // RFC 5464 4.2.1
	}
	return done{}, nil
}

// tellMetadata writes METADATA responses.
func (s *session) tellMetadata(name imapwire.Mailbox, values []imapwire.MetadataValue) {
	for len(values) > 0 {
		n, size := 0, 0
		for n < len(values) && (n == 0 || size+len(values[n].Value) <= metadataAtOnce) {
			size += len(values[n].Value)
			n++
		}
		s.out().Metadata(name, values[:n])
		values = values[n:]
	}
}

// tellListMetadata is GETMETADATA for a mailbox that is listed (RFC 9590 3).
func (s *session) tellListMetadata(at *located, entries []string) {
	a := annotated{s, at.name(), *at}
	values := make([]imapwire.MetadataValue, 0, len(entries))
	for _, entry := range entries {
		values = append(values, a.values(entry, imapwire.DepthNone)...)
	}
	s.tellMetadata(a.name, values)
}

// values are the value of an entry, and of those below it as far as the depth reaches (RFC 5464 4.2.2). If there are none, the entry is NIL.
func (a *annotated) values(entry string, depth imapwire.MetadataDepth) (list []imapwire.MetadataValue) {
	if value, ok := a.value(entry); ok {
		list = append(list, imapwire.MetadataValue{Entry: entry, Value: value})
	}
	if depth != imapwire.DepthNone {
		for name, value := range a.below(entry) {
			if depth == imapwire.DepthAll || !strings.Contains(name[len(entry)+1:], "/") {
				list = append(list, imapwire.MetadataValue{Entry: name, Value: value})
			}
		}
	}
	if len(list) == 0 {
		list = append(list, imapwire.MetadataValue{Entry: entry, Nil: true})
	}
	return list
}

// value is the value of one entry.
func (a *annotated) value(entry string) (string, bool) {
	if value, ok := a.computed()[entry]; ok {
		return value, true
	}
	user, rest := a.split(entry)
	if rest == "" {
		return "", false
	}
	n := a.view().Annotation(a.mailbox(), user, rest)
	if n == nil {
		return "", false
	}
	return string(n.Value), true
}

// below yields the entries below one with their values.
func (a *annotated) below(entry string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		computed := a.computed()
		names := make([]string, 0, len(computed))
		for name := range computed {
			if strings.HasPrefix(name, entry+"/") {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			if !yield(name, computed[name]) {
				return
			}
		}
		user, rest := a.split(entry)
		scope := strings.TrimSuffix(entry, rest)
		for n := range a.view().Annotations(a.mailbox(), user, rest) {
			if !yield(scope+n.Entry, string(n.Value)) {
				return
			}
		}
	}
}

// computed are the entries that are not kept as annotations: what the operator says of the server, and the special use of a mailbox.
func (a *annotated) computed() map[string]string {
	if a.name == "" {
		return a.s.srv.opts.Metadata
	}
	list := make(map[string]string, 2)
	if use := a.at.use(); use != "" {
		list[entrySpecialUse] = string(use)
	}
	if !a.at.box.NoSelect() {
		if rule, own := a.at.box.Retention(); own || rule.For != 0 {
			list[entryRetention] = retention.Stay(rule).String()
		}
	}
	return list
}

// split parts an entry into whose it is, 0 for everybody, and the name that the store knows, "" for the scope itself.
func (a *annotated) split(entry string) (user store.AccountID, rest string) {
	if rest, private := strings.CutPrefix(entry, scopePrivate); private {
		return a.s.who.Account, rest
	}
	return 0, strings.TrimPrefix(entry, scopeShared)
}

// SETMETADATA: RFC 5464 4.3. All entries are set, or none.
//
//	setmetadata = "SETMETADATA" SP mailbox SP entry-values
func cmdSetMetadata(s *session, ctx context.Context, c *imapwire.SetMetadata) (done, error) {
	a, err := s.annotated(ctx, c.Mailbox)
	if err != nil {
		return done{}, err
	}
	for i := range c.Values {
		if err := a.check(&c.Values[i]); err != nil {
			return done{}, err
		}
	}
	var had store.MailboxID
	var own store.ModSeq
	modseq, err := a.at.account.Update(ctx, s.origin(), func(tx *store.Tx) error {
		had, own = 0, tx.ModSeq()
		for i := range c.Values {
			v := &c.Values[i]
			lost, err := a.set(tx, v)
			if err != nil {
				return err
			}
			had = max(had, lost)
		}
		return nil
	})
	if err != nil {
		return done{}, metadataError(err)
	}
	if modseq == own { // there was something to change
		s.notes.own(a.at.account, modseq)
	}
	if box, err := a.at.account.View().Mailbox(had); had != 0 && err == nil {
		// RFC 6154 5.4: the mailbox that had the use before.
		s.out().Metadata(imapwire.Mailbox(box.Path()), []imapwire.MetadataValue{{Entry: entrySpecialUse, Nil: true}})
	}
	return done{}, nil
}

// check refuses what cannot be set, before anything is.
func (a *annotated) check(v *imapwire.MetadataValue) error {
	_, rest := a.split(v.Entry)
	parts := strings.Count(v.Entry, "/")
	switch {
	case rest == "", strings.HasPrefix(rest, vendorNamespace) && parts < 4:
		return badCommand("that entry cannot have a value") // RFC 5464 3.2
	case a.name == "" && strings.HasPrefix(v.Entry, scopeShared+"/"):
		return no(imapwire.CodeNoPerm, "what the server says to everybody only its operator can set")
	case a.name == "" && strings.HasPrefix(rest, filterValues) && !v.Nil:
		return checkFilter(strings.TrimPrefix(rest, filterValues), v.Value)
	case a.name != "" && v.Entry == entryRetention:
		if a.at.others() {
			return no(imapwire.CodeNoPerm, "how long messages stay only the owner can say")
		}
		_, err := stayOf(v)
		return err
	case a.name != "" && v.Entry == entrySpecialUse:
		if a.at.others() {
			return no(imapwire.CodeNoPerm, "special uses are the owner's")
		}
		_, err := useRole(v)
		return err
	}
	return nil
}

// set sets one entry, and returns the mailbox that has lost its special use by it.
func (a *annotated) set(tx *store.Tx, v *imapwire.MetadataValue) (had store.MailboxID, err error) {
	if a.name != "" && v.Entry == entrySpecialUse {
		role, err := useRole(v)
		if err != nil {
			return 0, err
		}
		return tx.SetRole(a.mailbox(), role)
	}
	if a.name != "" && v.Entry == entryRetention {
		stay, err := stayOf(v)
		if err != nil {
			return 0, err
		}
		return 0, tx.SetRetention(a.mailbox(), (*store.Retention)(stay))
	}
	user, rest := a.split(v.Entry)
	var value []byte
	if !v.Nil {
		value = []byte(v.Value) // never nil: nil removes
		if value == nil {
			value = []byte{}
		}
	}
	return 0, tx.SetAnnotation(a.mailbox(), user, rest, value)
}

// stayOf is how long messages are to stay; nil is what the domain or the server says.
func stayOf(v *imapwire.MetadataValue) (*retention.Stay, error) {
	if v.Nil {
		return nil, nil
	}
	stay, err := retention.ParseStay(v.Value)
	if err != nil {
		return nil, no("", retention.ErrStay.Error())
	}
	return &stay, nil
}

// useRole is the role that a value of /private/specialuse stands for: attributes parted by spaces, of which there can be one (RFC 6154 4).
func useRole(v *imapwire.MetadataValue) (store.Role, error) {
	var attrs []imapwire.Flag
	for _, word := range strings.Fields(v.Value) {
		attrs = append(attrs, imapwire.Flag(word))
	}
	return roleOf(attrs)
}

// metadataError gives the bounds of annotations their codes (RFC 5464 4.3).
func metadataError(err error) error {
	switch {
	case errors.Is(err, store.ErrTooBig):
		return &imapwire.Error{Status: imapwire.NO, Code: imapwire.CodeMetadataMaxSize(store.MaxAnnotation), Text: "the value is too long", Err: err}
	case errors.Is(err, store.ErrLimit):
		return &imapwire.Error{Status: imapwire.NO, Code: imapwire.CodeMetadataTooMany, Text: "there are too many annotations", Err: err}
	}
	return err
}
