package smtpwire

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"restante/internal/proto/addr"
)

// param is an ESMTP parameter: the extension that brings it and its reader,
// which says whether the value is one. Exactly one of mail and rcpt is set.
type param struct {
	keyword string
	ext     Extensions
	flag    bool // has no value; all others must have one
	mail    func(*Mail, string) bool
	rcpt    func(*Rcpt, string) bool
}

var mailParams = []param{
	{keyword: "SIZE", ext: Size, mail: (*Mail).setSize},
	{keyword: "BODY", ext: EightBitMIME, mail: (*Mail).setBody},
	{keyword: "SMTPUTF8", ext: SMTPUTF8, flag: true, mail: func(m *Mail, _ string) bool { m.SMTPUTF8 = true; return true }},
	{keyword: "RET", ext: DSN, mail: (*Mail).setRet},
	{keyword: "ENVID", ext: DSN, mail: (*Mail).setEnvID},
	{keyword: "AUTH", ext: Auth, mail: (*Mail).setAuth},
	{keyword: "REQUIRETLS", ext: RequireTLS, flag: true, mail: func(m *Mail, _ string) bool { m.RequireTLS = true; return true }},
	{keyword: "BY", ext: DeliverBy, mail: (*Mail).setBy},
	{keyword: "MT-PRIORITY", ext: MTPriority, mail: (*Mail).setPriority},
	{keyword: "HOLDFOR", ext: FutureRelease, mail: (*Mail).setHoldFor},
	{keyword: "HOLDUNTIL", ext: FutureRelease, mail: (*Mail).setHoldUntil},
}

var rcptParams = []param{
	{keyword: "NOTIFY", ext: DSN, rcpt: (*Rcpt).setNotify},
	{keyword: "ORCPT", ext: DSN, rcpt: (*Rcpt).setORcpt},
}

// eachParam reads the parameters that follow a path (RFC 5321 4.1.2):
//
//	Mail-parameters = esmtp-param *(SP esmtp-param)
//	esmtp-param     = esmtp-keyword ["=" esmtp-value]
//	esmtp-keyword   = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
//	esmtp-value     = 1*(%d33-60 / %d62-126 / UTF8-non-ascii)
//
// deviates: several spaces may stand between them.
func eachParam(s string, offered Extensions, known []param, set func(param, string) bool) error {
	var seen uint32
	for word := range strings.SplitSeq(s, " ") {
		if word == "" {
			continue
		}
		keyword, value, valued := strings.Cut(word, "=")
		if !isKeyword(keyword) {
			return syntaxError(FaultArgument, "not a parameter after the address")
		}
		i := 0
		for i < len(known) && !strings.EqualFold(known[i].keyword, keyword) {
			i++
		}
		if i == len(known) || !offered.Has(known[i].ext) {
			return syntaxError(FaultUnsupported, "parameter "+strings.ToUpper(keyword)+" is not supported")
		}
		p := known[i]
		switch {
		case seen>>i&1 != 0: // RFC 3461 4.5, RFC 1870 6
			return syntaxError(FaultParam, p.keyword+" is given twice")
		case p.flag && valued:
			return syntaxError(FaultParam, p.keyword+" takes no value")
		case !p.flag && value == "":
			return syntaxError(FaultParam, p.keyword+" needs a value")
		case strings.Contains(value, "=") || !set(p, value):
			return syntaxError(FaultParam, p.keyword+" cannot have this value")
		}
		seen |= 1 << i
	}
	return nil
}

func isKeyword(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && (s[i] != '-' || i == 0) {
			return false
		}
	}
	return s != ""
}

// setSize obeys size-value = 1*20DIGIT (RFC 1870 3). A number that no message
// can reach is as good as the greatest one.
func (m *Mail) setSize(v string) (ok bool) {
	n, err := parseNumber(v)
	if err == strconv.ErrRange && len(v) <= 20 {
		n, err = maxNumber, nil
	}
	m.Size = n
	return err == nil && len(v) <= 20
}

// setBody obeys body-value = "7BIT" / "8BITMIME" / "BINARYMIME" (RFC 3030 3).
func (m *Mail) setBody(v string) bool { return lookup(bodyNames[1:], v, &m.Body) }

func (m *Mail) setRet(v string) bool { return lookup(retNames[1:], v, &m.Ret) }

// lookup sets *to to one more than the index of v among names.
func lookup[T ~uint8](names []string, v string, to *T) bool {
	for i, name := range names {
		if strings.EqualFold(name, v) {
			*to = T(i + 1)
			return true
		}
	}
	return false
}

// setEnvID obeys RFC 3461 4.4: xtext of printable ASCII, 100 characters.
func (m *Mail) setEnvID(v string) bool {
	id, err := addr.DecodeXtext(v)
	m.EnvID = id
	return err == nil && len(v) <= maxEnvID && isPrintable(id)
}

// setAuth obeys RFC 4954 5: "<>", or a mailbox in xtext.
func (m *Mail) setAuth(v string) bool {
	m.AuthGiven = true
	if v == "<>" {
		return true
	}
	box, err := addr.DecodeXtext(v)
	if err == nil {
		m.Auth, err = addr.Parse(box)
	}
	return err == nil
}

// setBy obeys RFC 2852 4:
//
//	by-value = by-time ";" by-mode [by-trace]
//	by-time  = ["-" / "+"] 1*9digit ; a negative or zero value is not allowed with "R"
func (m *Mail) setBy(v string) bool {
	when, how, ok := strings.Cut(strings.ToUpper(v), ";")
	digits := strings.TrimLeft(when, "+-")
	if !ok || len(when)-len(digits) > 1 || digits == "" || len(digits) > 9 {
		return false
	}
	n, err := parseNumber(digits)
	if strings.HasPrefix(when, "-") {
		n = -n
	}
	mode, trace := strings.CutSuffix(how, "T")
	if mode != "N" && mode != "R" || mode == "R" && n <= 0 {
		return false
	}
	m.By = By{Seconds: int32(n), Mode: ByMode(mode[0]), Trace: trace}
	return err == nil
}

// setPriority obeys priority-value = (["-"] NZDIGIT) / "0" (RFC 6710 7).
func (m *Mail) setPriority(v string) bool {
	digit := strings.TrimPrefix(v, "-")
	if len(digit) != 1 || digit[0] < '0' || digit[0] > '9' || v == "-0" {
		return false
	}
	m.Priority, m.PriorityGiven = int8(digit[0]-'0'), true
	if v != digit {
		m.Priority = -m.Priority
	}
	return true
}

// setHoldFor obeys future-release-integer = %x31-39 *8DIGIT seconds (RFC 4865 4).
func (m *Mail) setHoldFor(v string) bool {
	n, err := parseNumber(v)
	m.HoldFor = time.Duration(n) * time.Second
	return err == nil && len(v) <= 9 && v[0] != '0'
}

// setHoldUntil reads an RFC 3339 date-time in UTC (RFC 4865 4).
func (m *Mail) setHoldUntil(v string) bool {
	t, err := time.Parse(time.RFC3339, strings.ToUpper(v))
	m.HoldUntil = t
	return err == nil && strings.HasSuffix(strings.ToUpper(v), "Z") && !t.IsZero()
}

// setNotify obeys RFC 3461 4.1:
//
//	notify-esmtp-value  = "NEVER" / 1#notify-list-element
//	notify-list-element = "SUCCESS" / "FAILURE" / "DELAY"
func (r *Rcpt) setNotify(v string) bool {
	for word := range strings.SplitSeq(v, ",") {
		was := r.Notify
		for _, x := range notifyNames {
			if strings.EqualFold(x.name, word) {
				r.Notify |= x.n
			}
		}
		if r.Notify == was { // unknown or repeated
			return false
		}
	}
	return r.Notify == NotifyNever || r.Notify&NotifyNever == 0
}

// setORcpt obeys RFC 3461 4.2 and RFC 6533 3:
//
//	original-recipient-address = addr-type ";" xtext
func (r *Rcpt) setORcpt(v string) bool {
	typ, text, ok := strings.Cut(v, ";")
	if !ok || len("ORCPT=")+len(v) > maxORcpt || !isKeyword(typ) || text == "" {
		return false
	}
	r.ORcptType = strings.ToLower(typ)
	var err error
	if r.ORcptType == "utf-8" {
		r.ORcpt, err = addr.DecodeUnitext(text)
		return err == nil && strings.IndexFunc(r.ORcpt, unicode.IsControl) < 0
	}
	r.ORcpt, err = addr.DecodeXtext(text)
	return err == nil && isPrintable(r.ORcpt)
}

// isPrintable says whether s is ASCII graphic characters and spaces.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
