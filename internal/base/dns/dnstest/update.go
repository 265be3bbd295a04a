package dnstest

import (
	"encoding/base64"
	"slices"
	"strings"

	wire "github.com/miekg/dns"

	"restante/internal/base/dns"
)

// UpdateKey is the key of those who may change the TXT records of a Server, by TCP (RFC 2136).
func UpdateKey() dns.UpdateKey {
	return dns.UpdateKey{Name: "update.test", Algorithm: "hmac-sha256", Secret: base64.StdEncoding.EncodeToString([]byte("32 octets that only tests know of"))}
}

func secrets() map[string]string {
	k := UpdateKey()
	return map[string]string{k.Name + ".": k.Secret}
}

// accept takes updates, too.
func accept(h wire.Header) wire.MsgAcceptAction {
	if opcode := int(h.Bits>>11) & 0xF; opcode == wire.OpcodeUpdate {
		return wire.MsgAccept
	}
	return wire.DefaultMsgAcceptFunc(h)
}

// update adds and removes TXT records.
func (s *Server) update(w wire.ResponseWriter, m *wire.Msg) {
	answer := new(wire.Msg)
	answer.SetReply(m)
	if m.IsTsig() == nil || w.TsigStatus() != nil {
		answer.Rcode = wire.RcodeNotAuth
		_ = w.WriteMsg(answer)
		return
	}
	zone := fold(m.Question[0].Name)
	z := s.Zone
	z.mu.Lock()
	z.mu.asked = append(z.mu.asked, "UPDATE "+zone)
	for _, rr := range m.Ns {
		t, ok := rr.(*wire.TXT)
		k := key{fold(rr.Header().Name), dns.TXT}
		if !ok || k.name != zone && !strings.HasSuffix(k.name, "."+zone) {
			answer.Rcode = wire.RcodeNotZone
			break
		}
		text := strings.Join(t.Txt, "")
		z.mu.records[k] = slices.DeleteFunc(slices.Clone(z.mu.records[k]), func(r dns.Record) bool { return r.Text == text })
		if t.Hdr.Class == wire.ClassINET {
			z.mu.records[k] = append(z.mu.records[k], dns.Record{Text: text})
			z.exists(k.name)
		}
	}
	z.mu.Unlock()
	sig := m.IsTsig()
	answer.SetTsig(sig.Hdr.Name, sig.Algorithm, 300, int64(sig.TimeSigned))
	_ = w.WriteMsg(answer)
}
