package smtpwire

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Capabilities is what a server offers in its answer to EHLO or LHLO (RFC 5321
// 4.1.1.1). The zero value is a server without extensions, as after HELO.
type Capabilities struct {
	Extensions Extensions

	// MaxSize is the longest message in octets; 0 with Size says that there is no
	// fixed limit (RFC 1870 4).
	MaxSize int64
	// Mechanisms of SASL, in upper case (RFC 4954 3).
	Mechanisms []string
	// RcptMax, MailMax and RcptDomainMax are how many recipients a transaction,
	// transactions a session and recipient domains a transaction may have (RFC 9422
	// 4). 0 says that no limit was given.
	RcptMax, MailMax, RcptDomainMax int64
	// MinBy is the shortest time that DELIVERBY accepts with Return; 0 says that
	// none was given (RFC 2852 2).
	MinBy time.Duration
	// PriorityProfile names the meaning of priorities (RFC 6710 3). May be empty.
	PriorityProfile string
	// MaxHold is how long a message may be held (RFC 4865 4), MaxHoldUntil the same
	// as a date and time.
	MaxHold      time.Duration
	MaxHoldUntil string
}

// Lines returns the keyword lines of the answer, in the order of the constants.
func (c Capabilities) Lines() []string {
	var lines []string
	for _, x := range extensionNames {
		if c.Extensions.Has(x.ext) {
			lines = append(lines, strings.Join(append([]string{x.name}, c.params(x.ext)...), " "))
		}
	}
	return lines
}

func (c Capabilities) params(ext Extensions) []string {
	var p []string
	add := func(format string, v int64) {
		if v > 0 {
			p = append(p, fmt.Sprintf(format, v))
		}
	}
	switch ext {
	case Size:
		return []string{fmt.Sprint(c.MaxSize)} // "SIZE 0": no fixed limit
	case Auth:
		return c.Mechanisms
	case XClientExt:
		return xclientAttrs()
	case LimitsExt:
		add("RCPTMAX=%d", c.RcptMax)
		add("MAILMAX=%d", c.MailMax)
		add("RCPTDOMAINMAX=%d", c.RcptDomainMax)
	case DeliverBy:
		add("%d", int64(c.MinBy/time.Second))
	case MTPriority:
		if c.PriorityProfile != "" {
			p = append(p, c.PriorityProfile)
		}
	case FutureRelease:
		p = append(p, fmt.Sprint(int64(c.MaxHold/time.Second)), c.MaxHoldUntil)
	}
	return p
}

// ParseCapabilities reads the answer to EHLO: a greeting line, then a line for
// each keyword. Unknown keywords are passed over, and so are parameters that
// cannot be read: a client can do without them. Two spellings from before the
// standards are understood, as other clients do: "AUTH=PLAIN ..." and "SIZE=n".
func ParseCapabilities(r Reply) Capabilities {
	var c Capabilities
	_, lines, _ := strings.Cut(r.Text, "\n")
	for line := range strings.SplitSeq(lines, "\n") {
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
		if len(words) == 0 {
			continue
		}
		if k, v, ok := strings.Cut(words[0], "="); ok {
			words = append([]string{k, v}, words[1:]...)
		}
		ext := extensionByName(words[0])
		c.Extensions |= ext
		c.setParams(ext, words[1:])
	}
	return c
}

func (c *Capabilities) setParams(ext Extensions, words []string) {
	switch ext {
	case Auth:
		for _, w := range words {
			if w = strings.ToUpper(w); !slices.Contains(c.Mechanisms, w) {
				c.Mechanisms = append(c.Mechanisms, w)
			}
		}
		return
	case LimitsExt:
		for _, w := range words {
			c.setLimit(w)
		}
		return
	}
	if len(words) == 0 {
		return
	}
	n, err := parseNumber(words[0])
	short := err == nil && n < 1e9 // seconds, 1*9DIGIT
	switch {
	case ext == MTPriority:
		c.PriorityProfile = words[0]
	case ext == Size && err == nil:
		c.MaxSize = n
	case ext == DeliverBy && short:
		c.MinBy = time.Duration(n) * time.Second
	case ext == FutureRelease && short:
		c.MaxHold = time.Duration(n) * time.Second
		if len(words) > 1 {
			c.MaxHoldUntil = words[1]
		}
	}
}

// setLimit reads name "=" value (RFC 9422 3). Limits that are not known must be
// ignored.
func (c *Capabilities) setLimit(word string) {
	name, value, _ := strings.Cut(word, "=")
	n, err := parseNumber(value)
	if err != nil || value == "" {
		return
	}
	switch strings.ToUpper(name) {
	case "RCPTMAX":
		c.RcptMax = n
	case "MAILMAX":
		c.MailMax = n
	case "RCPTDOMAINMAX":
		c.RcptDomainMax = n
	}
}
