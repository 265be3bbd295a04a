package dnstest

import (
	"crypto"
	"slices"
	"strings"
	"time"

	wire "github.com/miekg/dns"

	"restante/internal/base/dns"
)

// signer signs a zone as it is asked for, with one key for all (ECDSA P-256, RFC 6605) and NSEC proofs (RFC 4034 4).
type signer struct {
	apex string
	key  *wire.DNSKEY
	priv crypto.Signer
}

func newSigner(apex string) (*signer, error) {
	key := &wire.DNSKEY{Hdr: header(apex, dns.Type(wire.TypeDNSKEY)), Flags: 257, Protocol: 3, Algorithm: wire.ECDSAP256SHA256}
	priv, err := key.Generate(256)
	if err != nil {
		return nil, err
	}
	return &signer{apex, key, priv.(crypto.Signer)}, nil
}

// own are the records of the zone itself that its text does not have.
func (z *signer) own(t dns.Type) []wire.RR {
	switch uint16(t) {
	case wire.TypeDNSKEY:
		return []wire.RR{z.key}
	case wire.TypeSOA:
		return []wire.RR{soa(z, z.apex)}
	case wire.TypeNS:
		return []wire.RR{&wire.NS{Hdr: header(z.apex, dns.NS), Ns: "ns." + z.apex + "."}}
	}
	return nil
}

// sign signs records of one name and type; wrong signatures do not fit.
func (z *signer) sign(rrs []wire.RR, wrong bool) wire.RR {
	h := rrs[0].Header()
	now := time.Now()
	sig := &wire.RRSIG{
		Hdr: wire.RR_Header{Name: h.Name, Rrtype: wire.TypeRRSIG, Class: wire.ClassINET, Ttl: ttl}, Algorithm: wire.ECDSAP256SHA256,
		Inception: uint32(now.Add(-time.Hour).Unix()), Expiration: uint32(now.Add(24 * time.Hour).Unix()),
		KeyTag: z.key.KeyTag(), SignerName: z.apex + ".",
	}
	if err := sig.Sign(z.priv, rrs); err != nil {
		panic(err)
	}
	if wrong {
		sig.Expiration-- // which is signed, too
	}
	return sig
}

// absent proves that a name has no records of a type, or does not exist (RFC 4035 3.1.3): the NSEC record of the name or of the gap
// it lies in, and of the gap in which a wildcard would lie. The zone's lock is held.
func (z *signer) absent(text *Zone, name string, noName bool) []wire.RR {
	names := z.names(text)
	if noName {
		names = slices.DeleteFunc(names, func(n string) bool { return n == name }) // which a word has taken away
	}
	proofs := []wire.RR{z.nsec(text, names, name)}
	if !noName {
		return proofs
	}
	encloser := name
	for encloser != z.apex && !slices.Contains(names, encloser) {
		_, encloser, _ = strings.Cut(encloser, ".")
	}
	wildcard := z.nsec(text, names, "*."+encloser)
	if wildcard.Header().Name != proofs[0].Header().Name {
		proofs = append(proofs, wildcard)
	}
	return proofs
}

// names are all of the zone in canonical order, the apex first.
func (z *signer) names(text *Zone) []string {
	out := []string{z.apex}
	for n := range text.mu.names {
		if strings.HasSuffix(n, "."+z.apex) {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, compareNames)
	return out
}

// nsec is the record at a name, or at the last one before it.
func (z *signer) nsec(text *Zone, names []string, name string) wire.RR {
	i, found := slices.BinarySearchFunc(names, name, compareNames)
	if !found {
		i--
	}
	owner := names[i]
	types := []uint16{wire.TypeRRSIG, wire.TypeNSEC}
	if owner == z.apex {
		types = append(types, wire.TypeSOA, wire.TypeNS, wire.TypeDNSKEY)
	}
	for k := range text.mu.records {
		if k.name == owner {
			types = append(types, uint16(k.t))
		}
	}
	slices.Sort(types)
	return &wire.NSEC{Hdr: header(owner, dns.Type(wire.TypeNSEC)), NextDomain: names[(i+1)%len(names)] + ".", TypeBitMap: slices.Compact(types)}
}

// compareNames is the canonical order: label by label from the right (RFC 4034 6.1).
func compareNames(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	slices.Reverse(x)
	slices.Reverse(y)
	return slices.Compare(x, y)
}
