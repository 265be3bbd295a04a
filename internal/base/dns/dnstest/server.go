package dnstest

import (
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	wire "github.com/miekg/dns"

	"restante/internal/base/dns"
)

// ttl is how long the records of a Server hold; short, so that what Set changes is soon seen by resolvers.
const ttl = 1

// Server is a DNS server on the loopback interface, by UDP and TCP. It answers as a recursive resolver does and as the authority of its zones, so that
// both a dns.Client and a real resolver can ask it. It is safe for concurrent use.
type Server struct {
	// Zone is what the server knows. Its Set changes it.
	Zone *Zone

	addr  netip.AddrPort
	zones []*signer
}

// Serve starts a Server, which ends with the test. signed are zones (apexes) that are signed, each by a key of its own.
func Serve(tb testing.TB, text string, signed ...string) *Server {
	tb.Helper()
	s := &Server{Zone: New(tb, text)}
	for _, apex := range signed {
		z, err := newSigner(fold(apex))
		if err != nil {
			tb.Fatal(err)
		}
		s.zones = append(s.zones, z)
	}
	tcp, udp, err := listen()
	if err != nil {
		tb.Fatal(err)
	}
	s.addr = netip.MustParseAddrPort(tcp.Addr().String())
	for _, srv := range []*wire.Server{
		{Listener: tcp, Handler: s, ReadTimeout: time.Minute, MsgAcceptFunc: accept, TsigSecret: secrets()},
		{PacketConn: udp, Handler: s},
	} {
		started := make(chan struct{})
		srv.NotifyStartedFunc = func() { close(started) }
		ended := make(chan error, 1)
		go func() { ended <- srv.ActivateAndServe() }()
		<-started
		tb.Cleanup(func() {
			_ = srv.Shutdown()
			if err := <-ended; err != nil {
				tb.Errorf("dnstest: %v", err)
			}
		})
	}
	return s
}

// listen finds a port that is free for both.
func listen() (tcp net.Listener, udp net.PacketConn, err error) {
	for range 20 {
		if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, nil, err
		}
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			return tcp, udp, nil
		}
		_ = tcp.Close()
	}
	return nil, nil, err
}

// Addr is where the server listens.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Anchors are the keys of the signed zones, as unbound's trust-anchor option takes them.
func (s *Server) Anchors() []string {
	var out []string
	for _, z := range s.zones {
		out = append(out, strings.ReplaceAll(z.key.String(), "\t", " "))
	}
	return out
}

// ServeDNS implements the handler of the library.
func (s *Server) ServeDNS(w wire.ResponseWriter, ask *wire.Msg) {
	if len(ask.Question) != 1 {
		return
	}
	if ask.Opcode == wire.OpcodeUpdate {
		s.update(w, ask)
		return
	}
	q := ask.Question[0]
	name, t := fold(q.Name), dns.Type(q.Qtype)
	s.Zone.mu.Lock()
	word := s.Zone.find(name, t)
	s.Zone.mu.asked = append(s.Zone.mu.asked, t.String()+" "+name)
	s.Zone.mu.Unlock()
	_, byTCP := w.RemoteAddr().(*net.TCPAddr)
	switch {
	case word == "TIMEOUT", word == "STALL" && byTCP:
		return
	case word == "CLOSE" && byTCP:
		_ = w.Close()
		return
	case word == "GARBAGE":
		_, _ = w.Write(append([]byte{byte(ask.Id >> 8), byte(ask.Id)}, "\x81\x80\x00\x01\xff\xff\xff\xff no message"...))
		return
	}
	m := s.reply(ask, name, t, word)
	switch {
	case word == "STRANGER" && !byTCP:
		stranger := m.Copy()
		stranger.Id++
		stranger.Answer = nil
		_ = w.WriteMsg(stranger)
	case word == "OTHER":
		m.Question[0].Name = "other." + m.Question[0].Name
	case (word == "TRUNCATE" || word == "CLOSE" || word == "STALL") && !byTCP:
		m.Truncated, m.Answer = true, nil
	}
	if !byTCP {
		size := wire.MinMsgSize
		if opt := ask.IsEdns0(); opt != nil {
			size = int(opt.UDPSize())
		}
		m.Truncate(size)
	}
	_ = w.WriteMsg(m)
}

// reply builds the answer, words included that are about what it says.
func (s *Server) reply(ask *wire.Msg, name string, t dns.Type, word string) *wire.Msg {
	m := new(wire.Msg)
	m.SetReply(ask)
	m.Authoritative, m.RecursionAvailable = true, true
	m.Compress = true
	opt := ask.IsEdns0()
	if opt != nil {
		m.SetEdns0(opt.UDPSize(), opt.Do())
	}
	switch {
	case word == "FORMERR" && opt != nil:
		m.Rcode = wire.RcodeFormatError
		m.Extra = nil
		return m
	case word == "SERVFAIL":
		m.Rcode = wire.RcodeServerFailure
		return m
	}
	s.fill(m, name, t, opt != nil && opt.Do())
	return m
}

// fill adds records, aliases and proofs.
func (s *Server) fill(m *wire.Msg, name string, t dns.Type, signed bool) {
	z := s.Zone
	z.mu.Lock()
	defer z.mu.Unlock()
	m.AuthenticatedData = true
	for range 10 {
		zone := s.zone(name)
		word := z.find(name, t)
		add := func(section *[]wire.RR, rrs ...wire.RR) {
			*section = append(*section, rrs...)
			if signed && zone != nil && len(rrs) > 0 {
				*section = append(*section, zone.sign(rrs, word == "BOGUS"))
			}
		}
		owner := z.owner(name)
		if zone != nil && name == zone.apex {
			if rrs := zone.own(t); rrs != nil {
				add(&m.Answer, rrs...)
				return
			}
		}
		if alias := z.mu.records[key{owner, dns.CNAME}]; len(alias) > 0 && t != dns.CNAME && word != "NXDOMAIN" {
			m.AuthenticatedData = m.AuthenticatedData && z.authentic(name, dns.CNAME)
			add(&m.Answer, toWire(name, dns.CNAME, alias[0]))
			name = alias[0].Host
			continue
		}
		m.AuthenticatedData = m.AuthenticatedData && z.authentic(name, t)
		if word != "NXDOMAIN" {
			var rrs []wire.RR
			for _, r := range z.mu.records[key{owner, t}] {
				rrs = append(rrs, toWire(name, t, r))
			}
			if len(rrs) > 0 {
				add(&m.Answer, rrs...)
				return
			}
		}
		if !z.mu.names[owner] && (zone == nil || name != zone.apex) || word == "NXDOMAIN" {
			m.Rcode = wire.RcodeNameError
		}
		add(&m.Ns, soa(zone, name))
		if signed && zone != nil {
			for _, proof := range zone.absent(z, name, m.Rcode == wire.RcodeNameError) {
				add(&m.Ns, proof)
			}
		}
		return
	}
}

// zone is the signed zone that a name lies in, nil if there is none.
func (s *Server) zone(name string) *signer {
	for _, z := range s.zones {
		if name == z.apex || strings.HasSuffix(name, "."+z.apex) {
			return z
		}
	}
	return nil
}

func header(name string, t dns.Type) wire.RR_Header {
	return wire.RR_Header{Name: name + ".", Rrtype: uint16(t), Class: wire.ClassINET, Ttl: ttl}
}

// soa is that of a name's zone; unsigned ones are taken to be the last two labels.
func soa(zone *signer, name string) wire.RR {
	labels := strings.Split(name, ".")
	apex := strings.Join(labels[max(0, len(labels)-2):], ".")
	if zone != nil {
		apex = zone.apex
	}
	return &wire.SOA{Hdr: header(apex, dns.SOA), Ns: "ns." + apex + ".", Mbox: "hostmaster." + apex + ".", Serial: 1, Refresh: 60, Retry: 60, Expire: 60, Minttl: ttl}
}

// toWire makes a record that the library can pack.
func toWire(name string, t dns.Type, r dns.Record) wire.RR {
	h := header(name, t)
	switch t {
	case dns.A:
		return &wire.A{Hdr: h, A: r.Addr.AsSlice()}
	case dns.AAAA:
		return &wire.AAAA{Hdr: h, AAAA: r.Addr.AsSlice()}
	case dns.NS:
		return &wire.NS{Hdr: h, Ns: r.Host + "."}
	case dns.CNAME:
		return &wire.CNAME{Hdr: h, Target: r.Host + "."}
	case dns.PTR:
		return &wire.PTR{Hdr: h, Ptr: r.Host + "."}
	case dns.SOA:
		rr := soa(nil, name)
		rr.Header().Name = h.Name
		return rr
	case dns.MX:
		return &wire.MX{Hdr: h, Preference: r.Preference, Mx: r.Host + "."}
	case dns.SRV:
		return &wire.SRV{Hdr: h, Priority: r.Preference, Weight: r.Weight, Port: r.Port, Target: r.Host + "."}
	case dns.TLSA:
		return &wire.TLSA{Hdr: h, Usage: r.Usage, Selector: r.Selector, MatchingType: r.Matching, Certificate: hex.EncodeToString(r.Data)}
	case dns.CAA:
		rr := &wire.CAA{Hdr: h, Tag: r.Tag, Value: r.Text}
		if r.Critical {
			rr.Flag = 128
		}
		return rr
	case dns.TXT:
		rr := &wire.TXT{Hdr: h}
		text := r.Text
		for first := true; first || text != ""; first = false {
			n := min(len(text), 255)
			rr.Txt = append(rr.Txt, strings.ReplaceAll(text[:n], `\`, `\\`))
			text = text[n:]
		}
		return rr
	}
	panic(errors.New("dnstest: no such type: " + t.String()))
}
