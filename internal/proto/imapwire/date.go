package imapwire

import (
	"strings"
	"time"
)

// Date is a day without time or zone, as SEARCH has it. The zero value is no date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOn is the day that t falls on in its own zone.
func DateOn(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// Compare is negative when d is before e, zero when they are the same day, positive when d is after e.
func (d Date) Compare(e Date) int {
	if d.Year != e.Year {
		return d.Year - e.Year
	}
	if d.Month != e.Month {
		return int(d.Month - e.Month)
	}
	return d.Day - e.Day
}

// months are the names of RFC 9051 9, date-month, three octets each.
const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// AppendTo appends the date in wire form, 1-Feb-1994.
func (d Date) AppendTo(b []byte) []byte {
	b = appendUint(b, uint64(d.Day))
	b = append(b, '-')
	b = append(b, monthName(d.Month)...)
	b = append(b, '-')
	return appendDigits(b, d.Year, 4)
}

// String is the wire form.
func (d Date) String() string { return string(d.AppendTo(nil)) }

func monthName(m time.Month) string {
	i := int(m-time.January) * 3
	return months[i : i+3]
}

// appendDigits appends the last width digits of n.
func appendDigits(b []byte, n, width int) []byte {
	for div := pow10(width - 1); div > 0; div /= 10 {
		b = append(b, byte('0'+n/div%10))
	}
	return b
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

// appendDateTime appends t as date-time, in its own zone. Years have four digits, so those outside 1 to 9999 are put to the nearest.
//
//	date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
func appendDateTime(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, sec := t.Clock()
	_, off := t.Zone()
	b = append(b, '"', byte('0'+day/10), byte('0'+day%10), '-')
	b = append(b, monthName(month)...)
	b = append(b, '-')
	b = appendDigits(b, min(max(year, 1), 9999), 4)
	b = append(b, ' ', byte('0'+hour/10), byte('0'+hour%10), ':', byte('0'+minute/10), byte('0'+minute%10), ':', byte('0'+sec/10), byte('0'+sec%10), ' ')
	sign := byte('+')
	if off < 0 {
		sign, off = '-', -off
	}
	off /= 60
	b = append(b, sign)
	b = appendDigits(b, off/60, 2)
	b = appendDigits(b, off%60, 2)
	return append(b, '"')
}

// date      = date-text / DQUOTE date-text DQUOTE
// date-text = date-day "-" date-month "-" date-year
func (d *Decoder) date() (Date, bool) {
	quoted := d.try('"')
	day, ok := d.digits(1, 2)
	var out Date
	if ok {
		out, ok = d.monthYear(day)
	}
	if !ok || quoted && !d.try('"') {
		return Date{}, d.fail("expected a date like 1-Feb-1994")
	}
	return out, true
}

// monthYear is "-" date-month "-" date-year, of a day that exists.
func (d *Decoder) monthYear(day int) (Date, bool) {
	if !d.try('-') || len(d.line)-d.pos < 3 {
		return Date{}, false
	}
	name := string(d.line[d.pos : d.pos+3])
	month := 1
	for month <= 12 && !strings.EqualFold(name, months[month*3-3:month*3]) {
		month++
	}
	d.pos += 3
	if month > 12 || !d.try('-') {
		return Date{}, false
	}
	year, ok := d.digits(4, 4)
	date := Date{year, time.Month(month), day}
	return date, ok && DateOn(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)) == date
}

// dateTime reads a date-time. A day of one digit needs no space before it.
//
//	time = 2DIGIT ":" 2DIGIT ":" 2DIGIT
//	zone = ("+" / "-") 4DIGIT
func (d *Decoder) dateTime() (time.Time, bool) {
	t, ok := d.tryDateTime()
	if !ok {
		return time.Time{}, d.fail(`expected a date and time like "01-Feb-1994 21:52:25 -0800"`)
	}
	return t, true
}

func (d *Decoder) tryDateTime() (time.Time, bool) {
	if !d.try('"') {
		return time.Time{}, false
	}
	d.try(' ')
	day, ok := d.digits(1, 2)
	if !ok {
		return time.Time{}, false
	}
	date, ok := d.monthYear(day)
	if !ok || !d.try(' ') {
		return time.Time{}, false
	}
	hour, ok1 := d.digits(2, 2)
	colon1 := d.try(':')
	minute, ok2 := d.digits(2, 2)
	colon2 := d.try(':')
	sec, ok3 := d.digits(2, 2)
	if !ok1 || !ok2 || !ok3 || !colon1 || !colon2 || hour > 23 || minute > 59 || sec > 60 || !d.try(' ') {
		return time.Time{}, false
	}
	sign := 1
	if d.try('-') {
		sign = -1
	} else if !d.try('+') {
		return time.Time{}, false
	}
	zone, ok := d.digits(4, 4)
	if !ok || zone%100 > 59 || !d.try('"') {
		return time.Time{}, false
	}
	loc := time.UTC
	if off := sign * (zone/100*3600 + zone%100*60); off != 0 {
		loc = time.FixedZone("", off)
	}
	return time.Date(date.Year, date.Month, date.Day, hour, minute, sec, 0, loc), true
}

// digits takes between lo and hi digits.
func (d *Decoder) digits(lo, hi int) (int, bool) {
	n, count := 0, 0
	for count < hi && isDigit(d.peek()) {
		n = n*10 + int(d.line[d.pos]-'0')
		d.pos++
		count++
	}
	return n, count >= lo
}
