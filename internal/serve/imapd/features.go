package imapd

import (
	"maps"
	"slices"

	"restante/internal/proto/imapwire"
)

// feature is what a capability governs: what is gone when it is switched off. What it adds to APPEND's messages is in off.message.
type feature struct {
	commands  []string                    // which are then unknown
	uses      func(imapwire.Command) bool // commands that are refused although there are others of that name
	codes     []string                    // response codes that are not told, with the untagged OK that brings them
	with      []string                    // capabilities that make no sense without it, and go with it
	enables   bool                        // ENABLE passes it over
	elsewhere string                      // where else it is looked at, or why switching it off does nothing but hide it
}

// featureTable is what each capability governs, by its name in capitals without what stands behind "=" when that is a value. A test holds it
// against capabilityTable: a capability that governs nothing must say why. AUTH= is not in it; see session.saslConfig.
func featureTable() map[string]feature {
	table := map[string]feature{
		"IMAP4REV1": {elsewhere: "what IMAP4rev2 lacks of it is kept for clients that do not look at capabilities"},
		"IMAP4REV2": {enables: true},
		"SASL-IR":   {uses: used(func(c *imapwire.Authenticate) bool { return c.HasInitial })},
		"STARTTLS":  {commands: []string{"STARTTLS"}},
		"LITERAL+":  {elsewhere: "decoderOptions: LITERAL- takes its place"},
		"LITERAL-":  {elsewhere: "small literals without waiting are part of IMAP4rev2"},
		"ID":        {commands: []string{"ID"}},
		"ENABLE":    {commands: []string{"ENABLE"}},

		"IDLE":               {commands: []string{"IDLE"}},
		"NAMESPACE":          {commands: []string{"NAMESPACE"}},
		"CHILDREN":           {uses: listed(0, imapwire.ReturnChildren)},
		"LIST-EXTENDED":      {uses: used(func(c *imapwire.List) bool { return c.Extended })},
		"LIST-STATUS":        {uses: listed(0, imapwire.ReturnStatus)},
		"SPECIAL-USE":        {uses: listed(imapwire.SelectSpecialUse, imapwire.ReturnSpecialUse), elsewhere: "session.listBox: attributes told unasked"},
		"CREATE-SPECIAL-USE": {uses: used(func(c *imapwire.Create) bool { return len(c.Use) > 0 })},
		"STATUS=SIZE":        {uses: statusOf(imapwire.StatusSize)},
		"UIDPLUS":            {commands: []string{"UID EXPUNGE"}, codes: []string{"APPENDUID", "COPYUID", "UIDNOTSTICKY"}},
		"UNSELECT":           {commands: []string{"UNSELECT"}},
		"MOVE":               {commands: []string{"MOVE", "UID MOVE"}},
		"MULTIAPPEND":        {elsewhere: "off.message"},
		"REPLACE":            {commands: []string{"REPLACE", "UID REPLACE"}},
		"CATENATE":           {elsewhere: "off.message"},
		"URL-PARTIAL":        {elsewhere: "session.ownURL"},
		"URLAUTH":            {with: []string{"URLAUTH=BINARY"}, commands: []string{"GENURLAUTH", "RESETKEY", "URLFETCH"}, codes: []string{"URLMECH"}},
		"URLAUTH=BINARY": {uses: used(func(c *imapwire.URLFetch) bool {
			return slices.ContainsFunc(c.Items, func(it imapwire.URLFetchItem) bool { return it.Structure || it.Body || it.Binary })
		})},
		"APPENDLIMIT": {uses: statusOf(imapwire.StatusAppendLimit)},
		"BINARY":      {uses: fetches(imapwire.FetchBinary, imapwire.FetchBinarySize), elsewhere: "off.message"},

		"ESEARCH": {uses: used(func(c *imapwire.Search) bool { return c.Extended })},
		"SEARCHRES": {uses: func(c imapwire.Command) bool {
			search := searchOf(c)
			return search != nil && search.Return&imapwire.ReturnSave != 0 || setOf(c).Saved()
		}},

		"CONDSTORE": {with: []string{"QRESYNC"}, enables: true, codes: []string{"HIGHESTMODSEQ", "MODIFIED", "NOMODSEQ"}, uses: usesModSeq},
		"QRESYNC": {enables: true, uses: func(c imapwire.Command) bool {
			return used(func(c *imapwire.Select) bool { return c.QResync != nil })(c) ||
				used(func(c *imapwire.Fetch) bool { return c.Vanished })(c)
		}},
		"OBJECTID": {codes: []string{"MAILBOXID"}, uses: anyOf(fetches(imapwire.FetchEmailID, imapwire.FetchThreadID), statusOf(imapwire.StatusMailboxID),
			seeks(func(k imapwire.SearchKey) bool {
				switch k.(type) {
				case imapwire.SearchEmailID, imapwire.SearchThreadID:
					return true
				}
				return false
			}))},
		"SAVEDATE": {uses: anyOf(fetches(imapwire.FetchSaveDate), seeks(func(k imapwire.SearchKey) bool {
			date, ok := k.(imapwire.SearchDate)
			_, asks := k.(imapwire.SearchSaveDateSupported)
			return ok && date.Of == imapwire.SaveDate || asks
		}))},
		"PREVIEW":     {uses: fetches(imapwire.FetchPreview)},
		"UTF8=ACCEPT": {enables: true, elsewhere: "off.message"},

		"I18NLEVEL=1":      {elsewhere: "texts are compared as they are"},
		"I18NLEVEL=2":      {commands: []string{"COMPARATOR"}},
		"UIDONLY":          {enables: true},
		"UIDBATCHES":       {commands: []string{"UIDBATCHES"}},
		"MESSAGELIMIT":     {elsewhere: "the bound stays, nobody is told"},
		"SAVELIMIT":        {elsewhere: "the bound stays, nobody is told"},
		"INPROGRESS":       {codes: []string{"INPROGRESS"}},
		"LANGUAGE":         {commands: []string{"LANGUAGE"}},
		"NOTIFY":           {commands: []string{"NOTIFY"}},
		"COMPRESS=DEFLATE": {commands: []string{"COMPRESS"}},
		"UNAUTHENTICATE":   {commands: []string{"UNAUTHENTICATE"}},
		"XLIST":            {commands: []string{"XLIST"}},
		"X-GM-EXT-1": {uses: anyOf(
			fetches(imapwire.FetchGmailMessageID, imapwire.FetchGmailThreadID, imapwire.FetchGmailLabels),
			used(func(c *imapwire.Store) bool { return c.OfLabels }), seeks(isGmailKey),
		)},
	}
	maps.Copy(table, sharingFeatures())
	maps.Copy(table, searchFeatures())
	return table
}

// sharingFeatures are those of shared mailboxes, annotations and quotas.
func sharingFeatures() map[string]feature {
	return map[string]feature{
		"ACL": {
			with: []string{"RIGHTS=TEXK", "LIST-MYRIGHTS"}, commands: []string{"SETACL", "DELETEACL", "GETACL", "LISTRIGHTS", "MYRIGHTS"},
			elsewhere: "rights that were granted hold",
		},
		"RIGHTS=TEXK":   {elsewhere: "it is of ACL"},
		"LIST-MYRIGHTS": {uses: listed(0, imapwire.ReturnMyRights)},
		"METADATA":      {with: []string{"LIST-METADATA", "FILTERS"}, commands: []string{"GETMETADATA", "SETMETADATA"}, enables: true},
		"LIST-METADATA": {uses: listed(0, imapwire.ReturnMetadata)},
		"FILTERS":       {uses: seeks(func(k imapwire.SearchKey) bool { _, ok := k.(imapwire.SearchFilter); return ok })},

		"QUOTA":             {with: []string{"QUOTASET", "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE", "QUOTA=RES-MAILBOX"}, commands: []string{"GETQUOTA", "GETQUOTAROOT", "SETQUOTA"}},
		"QUOTASET":          {commands: []string{"SETQUOTA"}},
		"QUOTA=RES-STORAGE": {elsewhere: "resources are told as they are; without any of them, switch QUOTA off"},
		"QUOTA=RES-MESSAGE": {elsewhere: "see QUOTA=RES-STORAGE"},
		"QUOTA=RES-MAILBOX": {elsewhere: "see QUOTA=RES-STORAGE"},
	}
}

// searchFeatures is what capabilities of SEARCH, SORT and THREAD govern.
func searchFeatures() map[string]feature {
	return map[string]feature{
		"WITHIN": {uses: seeks(func(k imapwire.SearchKey) bool { _, ok := k.(imapwire.SearchAge); return ok })},
		"SEARCH=FUZZY": {uses: func(c imapwire.Command) bool {
			search := searchOf(c)
			return search != nil && search.Fuzzy()
		}},
		"PARTIAL":        {uses: anyOf(returns(imapwire.ReturnPartial), used(func(c *imapwire.Fetch) bool { return c.Partial.From > 0 }))},
		"MULTISEARCH":    {commands: []string{"ESEARCH"}},
		"CONTEXT=SEARCH": {uses: used(func(c *imapwire.Search) bool { return returns(imapwire.ReturnUpdate | imapwire.ReturnContext)(c) })},
		"CONTEXT=SORT":   {uses: used(func(c *imapwire.Sort) bool { return returns(imapwire.ReturnUpdate | imapwire.ReturnContext)(c) })},
		"SORT":           {with: []string{"SORT=DISPLAY", "ESORT", "CONTEXT=SORT"}, commands: []string{"SORT", "UID SORT"}},
		"SORT=DISPLAY": {uses: used(func(c *imapwire.Sort) bool {
			return slices.ContainsFunc(c.Criteria, func(k imapwire.SortCriterion) bool {
				return k.Key == imapwire.SortDisplayFrom || k.Key == imapwire.SortDisplayTo
			})
		})},
		"ESORT":                 {uses: used(func(c *imapwire.Sort) bool { return c.Extended })},
		"THREAD=ORDEREDSUBJECT": {uses: threads("ORDEREDSUBJECT")},
		"THREAD=REFERENCES":     {uses: threads("REFERENCES")},
		"THREAD=REFS":           {uses: threads("REFS")},
	}
}

// used is a test of one kind of command.
func used[C imapwire.Command](is func(C) bool) func(imapwire.Command) bool {
	return func(c imapwire.Command) bool {
		own, ok := c.(C)
		return ok && is(own)
	}
}

func anyOf(tests ...func(imapwire.Command) bool) func(imapwire.Command) bool {
	return func(c imapwire.Command) bool {
		return slices.ContainsFunc(tests, func(test func(imapwire.Command) bool) bool { return test(c) })
	}
}

// fetches is the FETCH of one of the items.
func fetches(kinds ...imapwire.FetchKind) func(imapwire.Command) bool {
	return used(func(c *imapwire.Fetch) bool {
		return slices.ContainsFunc(c.Items, func(it imapwire.FetchItem) bool { return slices.Contains(kinds, it.Kind) })
	})
}

// listed is LIST with one of the options.
func listed(sel imapwire.ListSelect, ret imapwire.ListReturn) func(imapwire.Command) bool {
	return used(func(c *imapwire.List) bool { return c.Select&sel != 0 || c.Return&ret != 0 })
}

// statusOf is STATUS of an item, as a command or in LIST.
func statusOf(item imapwire.StatusItem) func(imapwire.Command) bool {
	return anyOf(
		used(func(c *imapwire.StatusCommand) bool { return slices.Contains(c.Items, item) }),
		used(func(c *imapwire.List) bool { return slices.Contains(c.Status, item) }),
	)
}

// returns is a search with one of the result options.
func returns(opts imapwire.SearchReturn) func(imapwire.Command) bool {
	return func(c imapwire.Command) bool {
		search := searchOf(c)
		return search != nil && search.Return&opts != 0
	}
}

func threads(algorithm string) func(imapwire.Command) bool {
	return used(func(c *imapwire.Thread) bool { return c.Algorithm == algorithm })
}

// searchOf is the search in a command, nil when there is none.
func searchOf(c imapwire.Command) *imapwire.Search {
	switch c := c.(type) {
	case *imapwire.Search:
		return c
	case *imapwire.Sort:
		return &c.Search
	case *imapwire.Thread:
		return &c.Search
	case *imapwire.MultiSearch:
		return &c.Search
	}
	return nil
}

// setOf is the set of messages that a command is for.
func setOf(c imapwire.Command) imapwire.NumSet {
	switch c := c.(type) {
	case *imapwire.Fetch:
		return c.Set
	case *imapwire.Store:
		return c.Set
	case *imapwire.Copy:
		return c.Set
	case *imapwire.Move:
		return c.Set
	case *imapwire.UIDExpunge:
		return c.Set
	}
	return imapwire.NumSet{}
}

// seeks is a search with a key.
func seeks(is func(imapwire.SearchKey) bool) func(imapwire.Command) bool {
	var in func(imapwire.SearchKey) bool
	in = func(key imapwire.SearchKey) bool {
		switch k := key.(type) {
		case imapwire.SearchAnd:
			return slices.ContainsFunc(k, in)
		case imapwire.SearchOr:
			return in(k.A) || in(k.B)
		case imapwire.SearchNot:
			return in(k.Key)
		case imapwire.SearchFuzzy:
			return in(k.Key)
		}
		return is(key)
	}
	return func(c imapwire.Command) bool {
		search := searchOf(c)
		return search != nil && in(search.Key)
	}
}

// usesModSeq is every CONDSTORE enabling command (RFC 7162 3.1), but for ENABLE.
func usesModSeq(c imapwire.Command) bool {
	switch c := c.(type) {
	case *imapwire.Fetch:
		return c.ChangedSince > 0 || fetches(imapwire.FetchModSeq)(c)
	case *imapwire.Store:
		return c.Conditional
	case *imapwire.Select:
		return c.CondStore || c.QResync != nil
	}
	return statusOf(imapwire.StatusHighestModSeq)(c) ||
		seeks(func(k imapwire.SearchKey) bool { _, ok := k.(imapwire.SearchModSeq); return ok })(c)
}
