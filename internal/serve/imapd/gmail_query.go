package imapd

import (
	"strconv"
	"strings"
	"time"

	"restante/internal/proto/imapwire"
)

// X-GM-RAW: what people type into Gmail's search box, or the part of it that makes sense here. Terms must all be met; OR between two takes
// either, "-" before one turns it round, parentheses and braces group ({a b} is a OR b), quotes hold words together. What looks like an operator and
// is none is text.
//
//	from: to: cc: bcc: subject:     the field contains it
//	label: in:                      in that mailbox; in:anywhere is everything
//	is:                             unread read starred important answered draft
//	has:attachment
//	before: after: older: newer:    2026/1/31 or 2026-01-31
//	older_than: newer_than:         3d 2w 6m 1y (a month has 30 days, a year 365)
//	larger: smaller: size:          octets, with K or M
//	rfc822msgid:                    Message-ID
//	anything else                   anywhere in the message
//
// deviates: Gmail compares words, this compares substrings, as SEARCH does.

// hasAttachment is a key of its own; plainKeys finds the messages.
type hasAttachment struct{ imapwire.SearchAll }

// Bounds of a query.
const (
	maxQuery      = 2048 // octets
	maxQueryDepth = 32
)

// rawKey translates a query. A faulty one is read as well as may be, as people are used to: it is never refused, unless it is too long.
func rawKey(query string) (imapwire.SearchKey, error) {
	if len(query) > maxQuery {
		return nil, no(imapwire.CodeLimit, "the query is too long")
	}
	p := queryParser{rest: query}
	var all imapwire.SearchAnd
	for p.rest != "" {
		all = append(all, p.group(0, false))
		p.skip(")}") // one too many
	}
	return all, nil
}

type queryParser struct{ rest string }

// skip passes over spaces and some other octets.
func (p *queryParser) skip(more string) { p.rest = strings.TrimLeft(p.rest, " \t\r\n"+more) }

// group reads terms up to the end, or to a closing parenthesis, which stays. either is the meaning within braces.
func (p *queryParser) group(depth int, either bool) imapwire.SearchKey {
	var all []imapwire.SearchKey
	or := false
	for {
		p.skip("")
		if p.rest == "" || strings.ContainsRune(")}", rune(p.rest[0])) {
			break
		}
		if word, rest, _ := strings.Cut(p.rest, " "); word == "OR" && len(all) > 0 {
			p.rest, or = rest, true
			continue
		}
		key := p.term(depth)
		switch {
		case key == nil:
		case or, either && len(all) > 0:
			all[len(all)-1] = imapwire.SearchOr{A: all[len(all)-1], B: key}
		default:
			all = append(all, key)
		}
		or = false
	}
	return imapwire.SearchAnd(all)
}

// term reads one term; nil when there is nothing in it.
func (p *queryParser) term(depth int) imapwire.SearchKey {
	if p.rest[0] == '-' && len(p.rest) > 1 && p.rest[1] != ' ' {
		p.rest = p.rest[1:]
		if key := p.positive(depth); key != nil {
			return imapwire.SearchNot{Key: key}
		}
		return nil
	}
	return p.positive(depth)
}

func (p *queryParser) positive(depth int) imapwire.SearchKey {
	if c := p.rest[0]; c == '(' || c == '{' {
		p.rest = p.rest[1:]
		if depth == maxQueryDepth {
			return nil // read as if it were flat
		}
		key := p.group(depth+1, c == '{')
		p.skip("")
		if p.rest != "" {
			p.rest = p.rest[1:]
		}
		return key
	}
	name, ok := p.operator()
	if !ok {
		return anywhere(p.value())
	}
	if p.rest != "" && (p.rest[0] == '(' || p.rest[0] == '{') && depth < maxQueryDepth {
		return p.values(name, p.rest[0] == '{')
	}
	return operatorKey(name, p.value())
}

// operator reads "from:".
func (p *queryParser) operator() (name string, ok bool) {
	i := strings.IndexAny(p.rest, ": \t\r\n\"(){}")
	if i <= 0 || p.rest[i] != ':' {
		return "", false
	}
	name = strings.ToLower(p.rest[:i])
	if operatorKey(name, "x") == nil {
		return "", false
	}
	p.rest = p.rest[i+1:]
	return name, true
}

// values reads from:(a b) or from:{a b}.
func (p *queryParser) values(name string, either bool) imapwire.SearchKey {
	p.rest = p.rest[1:]
	var all []imapwire.SearchKey
	or := false
	for p.skip(""); p.rest != "" && p.rest[0] != ')' && p.rest[0] != '}'; p.skip("") {
		value := p.value()
		if value == "OR" {
			or = true
			continue
		}
		key := operatorKey(name, value)
		if (or || either) && len(all) > 0 {
			all[len(all)-1] = imapwire.SearchOr{A: all[len(all)-1], B: key}
		} else {
			all = append(all, key)
		}
		or = false
	}
	if p.rest != "" {
		p.rest = p.rest[1:]
	}
	return imapwire.SearchAnd(all)
}

// value reads a word, or what stands between quotes.
func (p *queryParser) value() string {
	if rest, ok := strings.CutPrefix(p.rest, `"`); ok {
		value, rest, _ := strings.Cut(rest, `"`)
		p.rest = rest
		return value
	}
	i := strings.IndexAny(p.rest, " \t\r\n\"(){}")
	switch {
	case i < 0:
		i = len(p.rest)
	case i == 0:
		i = 1 // never stand still
	}
	value := p.rest[:i]
	p.rest = p.rest[i:]
	return value
}

func anywhere(text string) imapwire.SearchKey {
	if text == "" {
		return nil
	}
	return imapwire.SearchText{In: imapwire.InText, Text: text}
}

// nothing matches no message.
func nothing() imapwire.SearchKey { return imapwire.SearchNot{Key: imapwire.SearchAll{}} }

// operatorKey is what an operator asks for; nil when it is none. A value that makes no sense matches nothing.
func operatorKey(name, value string) imapwire.SearchKey {
	for _, f := range []struct {
		name string
		in   imapwire.SearchField
	}{
		{"from", imapwire.InFrom}, {"to", imapwire.InTo}, {"cc", imapwire.InCc}, {"bcc", imapwire.InBcc}, {"subject", imapwire.InSubject},
	} {
		if name == f.name {
			return imapwire.SearchText{In: f.in, Text: value}
		}
	}
	switch name {
	case "label", "in":
		return inKey(value)
	case "is":
		return isKey(value)
	case "has":
		if strings.EqualFold(value, "attachment") {
			return hasAttachment{}
		}
		return nothing()
	case "rfc822msgid":
		return imapwire.SearchHeader{Field: "Message-ID", Text: strings.Trim(value, "<>")}
	case "before", "older":
		return dayKey(imapwire.Before, value)
	case "after", "newer":
		return dayKey(imapwire.Since, value)
	case "older_than", "newer_than":
		return ageKey(name == "older_than", value)
	case "larger", "size", "smaller":
		return sizeKey(name != "smaller", value)
	}
	return nil
}

func inKey(value string) imapwire.SearchKey {
	switch strings.ToLower(value) {
	case "anywhere":
		return imapwire.SearchAll{}
	case "inbox", "sent", "trash", "spam", "starred", "important":
		return imapwire.SearchGmailLabel{Label: `\` + value}
	case "draft", "drafts":
		return imapwire.SearchGmailLabel{Label: `\Draft`}
	}
	return imapwire.SearchGmailLabel{Label: value}
}

func isKey(value string) imapwire.SearchKey {
	switch strings.ToLower(value) {
	case "unread":
		return imapwire.SearchNot{Key: imapwire.SearchFlag{Flag: imapwire.FlagSeen}}
	case "read":
		return imapwire.SearchFlag{Flag: imapwire.FlagSeen}
	case "starred":
		return imapwire.SearchFlag{Flag: imapwire.FlagFlagged}
	case "important":
		return imapwire.SearchFlag{Flag: keywordImportant}
	case "answered":
		return imapwire.SearchFlag{Flag: imapwire.FlagAnswered}
	case "draft":
		return imapwire.SearchFlag{Flag: imapwire.FlagDraft}
	}
	return nothing()
}

func dayKey(when imapwire.DateIs, value string) imapwire.SearchKey {
	t, err := time.Parse("2006/1/2", strings.ReplaceAll(value, "-", "/"))
	if err != nil {
		return nothing()
	}
	year, month, day := t.Date()
	return imapwire.SearchDate{When: when, Date: imapwire.Date{Year: year, Month: month, Day: day}}
}

func ageKey(older bool, value string) imapwire.SearchKey {
	if value == "" {
		return nothing()
	}
	days := map[byte]uint64{'d': 1, 'w': 7, 'm': 30, 'y': 365}[value[len(value)-1]|0x20]
	n, err := strconv.ParseUint(value[:len(value)-1], 10, 16)
	seconds := n * days * 24 * 60 * 60
	if err != nil || seconds == 0 || seconds > 1<<32-1 {
		return nothing()
	}
	return imapwire.SearchAge{Older: older, Seconds: uint32(seconds)}
}

func sizeKey(larger bool, value string) imapwire.SearchKey {
	factor := uint64(1)
	digits := strings.TrimRight(strings.ToLower(value), "b")
	for suffix, f := range map[string]uint64{"k": 1 << 10, "m": 1 << 20} {
		if rest, ok := strings.CutSuffix(digits, suffix); ok {
			digits, factor = rest, f
		}
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return nothing()
	}
	return imapwire.SearchSize{Larger: larger, Octets: n * factor}
}
