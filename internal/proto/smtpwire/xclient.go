package smtpwire

import (
	"net/netip"
	"strconv"
	"strings"

	"restante/internal/proto/addr"
)

// XClient is what a trusted proxy says of the client that it speaks for (Postfix's XCLIENT). Each value is for those whose bit is in Given; one
// that is given and zero is not to be had.
type XClient struct {
	Given XClientAttrs
	Name  string     // its name in the DNS
	Addr  netip.Addr // without zone or IPv4-in-IPv6
	Port  uint16
	Hello string // what it calls itself
	// Extended says that it has greeted with EHLO, or with LHLO.
	Extended bool
	Login    string // who has logged in
}

// XClientAttrs is a set of attributes of XCLIENT.
type XClientAttrs uint8

// The attributes. DESTADDR and DESTPORT, which only say what we are, are read and dropped.
const (
	XClientName XClientAttrs = 1 << iota
	XClientAddr
	XClientPort
	XClientProto
	XClientHelo
	XClientLogin
)

// xclientAttrs are the attributes as EHLO lists them.
func xclientAttrs() []string {
	return []string{"NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"}
}

// maxXClientValue is the longest value, which is also the longest host name.
const maxXClientValue = 255

// ParseXClient reads the argument of XCLIENT:
//
//	xclient-command = XCLIENT 1*( SP attribute-name "=" attribute-value )
//	attribute-name  = ( NAME / ADDR / PORT / PROTO / HELO / LOGIN / DESTADDR / DESTPORT )
//	attribute-value = xtext
//
// [UNAVAILABLE] and [TEMPUNAVAIL] stand for what the proxy does not know. The error is a *[SyntaxError].
func ParseXClient(arg string) (XClient, error) {
	var x XClient
	for word := range strings.FieldsSeq(arg) {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return XClient{}, syntaxError(FaultArgument, "XCLIENT takes attribute=value")
		}
		value, err := addr.DecodeXtext(value)
		if err != nil {
			return XClient{}, syntaxError(FaultArgument, "attribute value is not xtext")
		}
		if strings.EqualFold(value, "[UNAVAILABLE]") || strings.EqualFold(value, "[TEMPUNAVAIL]") {
			value = ""
		}
		if !visible(value) {
			return XClient{}, syntaxError(FaultArgument, "attribute value cannot be read")
		}
		if err := x.set(strings.ToUpper(name), value); err != nil {
			return XClient{}, err
		}
	}
	if strings.TrimSpace(arg) == "" {
		return XClient{}, syntaxError(FaultArgument, "XCLIENT needs an attribute")
	}
	return x, nil
}

// visible says that a value is visible ASCII and not too long: it will stand in a trace header and in logs.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return len(s) <= maxXClientValue
}

// set takes an attribute; the last one of a name counts.
func (x *XClient) set(name, value string) (err error) {
	switch name {
	case "NAME":
		x.Given, x.Name = x.Given|XClientName, value
	case "ADDR":
		x.Given |= XClientAddr
		x.Addr, err = xclientAddr(value)
	case "PORT":
		x.Given |= XClientPort
		x.Port, err = xclientPort(value)
	case "PROTO":
		x.Given |= XClientProto
		x.Extended = strings.EqualFold(value, "ESMTP") || strings.EqualFold(value, "LMTP")
		if !x.Extended && value != "" && !strings.EqualFold(value, "SMTP") {
			err = syntaxError(FaultArgument, "not a protocol")
		}
	case "HELO":
		x.Given, x.Hello = x.Given|XClientHelo, value
	case "LOGIN":
		x.Given, x.Login = x.Given|XClientLogin, value
	case "DESTADDR":
		_, err = xclientAddr(value)
	case "DESTPORT":
		_, err = xclientPort(value)
	default:
		err = syntaxError(FaultArgument, "attribute not known")
	}
	return err
}

// xclientAddr reads an IPv4 address, or an IPv6 address behind "IPV6:", which may be left out.
func xclientAddr(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	if len(s) > 5 && strings.EqualFold(s[:5], "IPV6:") {
		s = s[5:]
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, syntaxError(FaultArgument, "not an address")
	}
	return a.Unmap(), nil
}

func xclientPort(s string) (uint16, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, syntaxError(FaultArgument, "not a port")
	}
	return uint16(n), nil
}
