package dns

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	wire "github.com/miekg/dns"
)

// UpdateKey is a secret that is shared with a name server (TSIG, RFC 8945). It must not be logged.
type UpdateKey struct {
	Name      string // canonical
	Algorithm string // "hmac-sha256"
	Secret    string // base64
}

// ErrUpdateKey says that a file has no key that can be used.
var ErrUpdateKey = errors.New(`dns: no key: the file should be as tsig-keygen writes it: key "name" { algorithm hmac-sha256; secret "..."; };`)

// ParseUpdateKey reads a key as tsig-keygen writes it and BIND's configuration has it.
func ParseUpdateKey(text string) (UpdateKey, error) {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n{};\"", r) })
	k := UpdateKey{Algorithm: "hmac-sha256"}
	for i := 0; i+1 < len(words); i += 2 {
		switch words[i] {
		case "key":
			k.Name, _ = Canonical(words[i+1])
		case "algorithm":
			k.Algorithm = lower(words[i+1])
		case "secret":
			k.Secret = words[i+1]
		default:
			return UpdateKey{}, ErrUpdateKey
		}
	}
	if b, err := base64.StdEncoding.DecodeString(k.Secret); err != nil || len(b) == 0 || k.Name == "" {
		return UpdateKey{}, ErrUpdateKey
	}
	switch k.Algorithm + "." {
	case wire.HmacSHA224, wire.HmacSHA256, wire.HmacSHA384, wire.HmacSHA512:
		return k, nil
	}
	return UpdateKey{}, fmt.Errorf("%w: its algorithm is %q: make one with tsig-keygen -a hmac-sha256", ErrUpdateKey, k.Algorithm)
}

// Updater changes TXT records of zones by dynamic updates (RFC 2136), over TCP and signed. It is safe for concurrent use.
type Updater struct {
	Server netip.AddrPort // the primary name server of the zones
	Key    UpdateKey
}

// updateTTL is how long a record that was added holds: it is there for minutes.
const updateTTL = 60

// updateTime bounds an update.
const updateTime = 20 * time.Second

// AddText adds a TXT record with a text of at most 255 octets.
func (u *Updater) AddText(ctx context.Context, zone, name, text string) error {
	m, rr := u.begin(zone, name, text)
	m.Insert([]wire.RR{rr}) // RFC 2136 2.5.1
	return u.send(ctx, m)
}

// RemoveText removes the TXT record with that text, and no other. It need not be there.
func (u *Updater) RemoveText(ctx context.Context, zone, name, text string) error {
	m, rr := u.begin(zone, name, text)
	m.Remove([]wire.RR{rr}) // RFC 2136 2.5.4
	return u.send(ctx, m)
}

func (u *Updater) begin(zone, name, text string) (*wire.Msg, wire.RR) {
	m := new(wire.Msg)
	m.SetUpdate(zone + ".")
	return m, &wire.TXT{Hdr: wire.RR_Header{Name: name + ".", Rrtype: wire.TypeTXT, Class: wire.ClassINET, Ttl: updateTTL}, Txt: []string{text}}
}

func (u *Updater) send(ctx context.Context, m *wire.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, updateTime)
	defer cancel()
	const fudge = 300 // seconds that the clocks may differ (RFC 8945 10)
	m.SetTsig(u.Key.Name+".", u.Key.Algorithm+".", fudge, time.Now().Unix())
	client := &wire.Client{Net: "tcp", Timeout: updateTime, TsigSecret: map[string]string{u.Key.Name + ".": u.Key.Secret}}
	answer, _, err := client.ExchangeContext(ctx, m, u.Server.String())
	zone := strings.TrimSuffix(m.Question[0].Name, ".")
	switch {
	case answer != nil && answer.Rcode != wire.RcodeSuccess: // said without a signature, too (RFC 8945 5.3.2)
		return fmt.Errorf("dns: %s does not take the update of %s: %s", u.Server, zone, refusal(answer))
	case err != nil:
		return fmt.Errorf("dns: update of %s at %s: %w", zone, u.Server, err)
	}
	return nil
}

// refusal is why an update was not taken.
func refusal(m *wire.Msg) string {
	code := wire.RcodeToString[m.Rcode]
	if t := m.IsTsig(); t != nil && t.Error != 0 {
		code += ", " + wire.RcodeToString[int(t.Error)] // BADSIG, BADKEY, BADTIME
	}
	return code
}

// ZoneOf finds the zone that a name lies in: the nearest name, itself or above, that has an SOA record.
func ZoneOf(ctx context.Context, r Resolver, name string) (string, error) {
	name, err := Canonical(name)
	if err != nil {
		return "", err
	}
	for zone := name; zone != ""; _, zone, _ = strings.Cut(zone, ".") {
		a, err := r.Query(ctx, zone, SOA)
		if err == nil && a.Name == zone { // and not that of an alias
			return zone, nil
		}
		if err != nil && !Absent(err) {
			return "", err
		}
	}
	return "", fmt.Errorf("%w: nobody serves a zone with %s", ErrNoRecord, name)
}
