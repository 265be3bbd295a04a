package columns

// Look is the rows of some messages, in the order in which they were asked for: that is what places count here. It does not change and is safe
// for concurrent use.
type Look struct {
	columns
	rows []uint32
	rank []uint32 // of each text; nil when they were not wanted
	ids  uint32
}

// Len is the number of messages.
func (l *Look) Len() int { return len(l.rows) }

// Sent is the sent date (RFC 5256 2.2) in seconds from the beginning of 1970; ok says that there is one.
func (l *Look) Sent(i int) (seconds int64, ok bool) {
	s := l.sent[l.rows[i]]
	return s, s != noDate
}

// Rank is the place of a text among all texts of the account: equal texts have the same rank, those that come later a higher one, and
// the empty text has 0. Texts must have been wanted.
func (l *Look) Rank(t Text, i int) uint32 { return l.rank[l.text[t][l.rows[i]]] }

// IsReply says that the subject is that of a reply or a forward (RFC 5256 3, REFERENCES).
func (l *Look) IsReply(i int) bool { return l.replies[l.rows[i]] }

// ID is the number of the Message-ID, below IDs; 0 for none.
func (l *Look) ID(i int) uint32 { return l.id[l.rows[i]] }

// Refs are the numbers of the Message-IDs that the message refers to, the oldest first. The slice is shared: do not change it.
func (l *Look) Refs(i int) []uint32 {
	row, start := l.rows[i], uint32(0)
	if row > 0 {
		start = l.refEnds[row-1]
	}
	return l.refs[start:l.refEnds[row]:l.refEnds[row]]
}

// IDs is more than every number of a Message-ID.
func (l *Look) IDs() uint32 { return l.ids }
