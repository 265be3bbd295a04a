package mime

import (
	"strings"
	"time"
)

// ParseDate reads a Date field's value: RFC 5322 3.3 with its obsolete forms
// (4.3) and what is sent beside them: no day name, named months in any place,
// ctime and ISO 8601 order, two-digit years, dots or no seconds in the time, AM
// and PM, named zones, anything behind. The time has the zone of the value, so
// its Date and Clock are those that the sender saw. Without a zone, or with an
// unknown one, it is UTC.
func ParseDate(s string) (t time.Time, ok bool) {
	const longest = 128 // longer than any date with its comments
	l := lexer{s: s[:min(len(s), longest)]}
	d := dateFields{day: -1, year: -1, hour: -1}
	for d.next(&l) {
	}
	return d.time()
}

type dateFields struct {
	year, day      int // -1: not yet seen
	month          time.Month
	hour, min, sec int
	offset         int // seconds east of UTC
	zone           bool
}

// next reads one word of the date; it returns false when the date is over.
func (d *dateFields) next(l *lexer) bool {
	l.skipCFWS()
	if l.done() {
		return false
	}
	switch c := l.peek(); {
	case isDigit(c):
		return d.number(l)
	case (c == '+' || c == '-') && d.hour >= 0 && !d.zone:
		d.sign(l)
	case isAlpha(c):
		return d.word(l)
	default:
		l.pos++
	}
	return true
}

// number reads a number and what hangs on it: a time, a date with dashes or
// slashes, a day or a year.
func (d *dateFields) number(l *lexer) bool {
	n, digits := readNumber(l)
	behind := l.pos
	if l.skipCFWS(); l.peek() != ':' {
		l.pos = behind
	}
	switch c := l.peek(); {
	case (c == ':' || c == '.' && d.day >= 0 && d.year >= 0) && d.hour < 0 && digits <= 2:
		return d.clock(l, n)
	case c == '-' && digits == 4 && d.year < 0 && d.month == 0:
		return d.iso(l, n)
	case d.day < 0 && digits <= 2:
		d.day = n
		l.take('-') // 1-Jan-2026
	case d.year < 0 && d.month != 0 && (digits >= 2):
		d.year = fullYear(n, digits)
	}
	return true
}

// fullYear completes a year (RFC 5322 4.3).
func fullYear(n, digits int) int {
	switch {
	case digits == 2 && n < 50:
		return 2000 + n
	case n < 1000: // also 0102, as clocks went on counting from 1900
		return 1900 + n
	}
	return n
}

// iso reads year-month-day, whose year was read.
func (d *dateFields) iso(l *lexer, year int) bool {
	l.pos++
	if isAlpha(l.peek()) { // 2026-Jan-01
		d.year = year
		return true
	}
	month, _ := readNumber(l)
	if !l.take('-') || month < 1 || month > 12 {
		return false
	}
	d.year, d.month = year, time.Month(month)
	d.day, _ = readNumber(l)
	if c := l.peek(); c == 'T' || c == 't' {
		l.pos++
	}
	return true
}

// clock reads the rest of hour ":" minute [":" second] [AM / PM].
func (d *dateFields) clock(l *lexer, hour int) bool {
	sep := l.peek()
	l.pos++
	d.hour = hour
	l.skipCFWS()
	d.min, _ = readNumber(l)
	l.skipCFWS()
	if l.take(sep) {
		l.skipCFWS()
		d.sec, _ = readNumber(l)
		if c := l.peek(); c == '.' || c == ',' { // fractions
			l.pos++
			readNumber(l)
		}
	}
	l.skipCFWS()
	if len(l.s) >= l.pos+2 {
		switch half := strings.ToLower(l.s[l.pos : l.pos+2]); {
		case half == "pm" && d.hour < 12:
			d.hour += 12
			l.pos += 2
		case half == "am" && d.hour == 12:
			d.hour = 0
			l.pos += 2
		case half == "am" || half == "pm":
			l.pos += 2
		}
	}
	return true
}

// sign reads a zone as ("+" / "-") 4DIGIT; hh:mm and hh are taken too.
func (d *dateFields) sign(l *lexer) {
	east := l.peek() == '+'
	l.pos++
	n, digits := readNumber(l)
	h, m := n/100, n%100
	if digits <= 2 {
		h, m = n, 0
		if l.take(':') {
			m, _ = readNumber(l)
		}
	}
	if h > 24 || m > 59 || digits == 0 || digits > 4 {
		return
	}
	d.zone, d.offset = true, h*3600+m*60
	if !east {
		d.offset = -d.offset
	}
}

// word reads a name: of a month, of a day (skipped), of a zone.
func (d *dateFields) word(l *lexer) bool {
	start := l.pos
	for isAlpha(l.peek()) && !l.done() {
		l.pos++
	}
	w := l.s[start:l.pos]
	if m := monthOf(w); m != 0 && d.month == 0 {
		d.month = m
		l.take('-')
		return true
	}
	if d.hour >= 0 && !d.zone {
		if off, ok := zoneOffset(w); ok {
			d.zone, d.offset = true, off
		}
	}
	return true
}

func monthOf(w string) time.Month {
	if len(w) < 3 {
		return 0
	}
	const names = "janfebmaraprmayjunjulaugsepoctnovdec"
	i := strings.Index(names, strings.ToLower(w[:3]))
	if i < 0 || i%3 != 0 {
		return 0
	}
	return time.Month(i/3 + 1)
}

// zoneOffset knows the names of RFC 5322 4.3 and those of other zones that mail
// is sent in with one meaning. Military letters but Z mean nothing, as the RFC
// explains.
func zoneOffset(name string) (seconds int, ok bool) {
	hours := 0.0
	switch strings.ToUpper(name) {
	case "UT", "UTC", "GMT", "Z", "WET":
	case "EDT", "AST", "CLT":
		hours = -4
	case "EST", "CDT":
		hours = -5
	case "CST", "MDT":
		hours = -6
	case "MST", "PDT":
		hours = -7
	case "PST", "AKDT":
		hours = -8
	case "AKST":
		hours = -9
	case "HST":
		hours = -10
	case "ADT", "BRT", "ART":
		hours = -3
	case "NST":
		hours = -3.5
	case "NDT":
		hours = -2.5
	case "BST", "CET", "MET", "MEZ", "WEST", "WAT":
		hours = 1
	case "CEST", "MEST", "MESZ", "EET", "SAST", "CAT":
		hours = 2
	case "EEST", "MSK", "EAT", "TRT":
		hours = 3
	case "MSD":
		hours = 4
	case "PKT":
		hours = 5
	case "WIB", "ICT":
		hours = 7
	case "HKT", "SGT", "AWST", "PHT":
		hours = 8
	case "JST", "KST":
		hours = 9
	case "ACST":
		hours = 9.5
	case "AEST":
		hours = 10
	case "ACDT":
		hours = 10.5
	case "AEDT":
		hours = 11
	case "NZST":
		hours = 12
	case "NZDT":
		hours = 13
	default:
		return 0, false
	}
	return int(hours * 3600), true
}

// time puts the fields together, if they are a date.
func (d *dateFields) time() (time.Time, bool) {
	if d.hour < 0 { // a date alone
		d.hour = 0
	}
	if d.year < 1900 || d.year > 9999 || d.month == 0 || d.day < 1 || d.hour > 23 || d.min > 59 || d.sec > 60 {
		return time.Time{}, false
	}
	loc := time.UTC
	if d.offset != 0 {
		loc = time.FixedZone("", d.offset)
	}
	sec := min(d.sec, 59) // a leap second (RFC 5322 3.3) must not change the day
	t := time.Date(d.year, d.month, d.day, d.hour, d.min, sec, 0, loc)
	return t, t.Day() == d.day && t.Month() == d.month
}

// readNumber reads digits. More than 9 are read but not counted in the value.
func readNumber(l *lexer) (n, digits int) {
	for ; !l.done() && isDigit(l.peek()); l.pos++ {
		if digits < 9 {
			n = n*10 + int(l.peek()-'0')
		}
		digits++
	}
	return n, digits
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
