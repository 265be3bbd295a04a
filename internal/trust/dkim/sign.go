package dkim

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/proto/addr"
)

// Key is a key that signs for a domain.
type Key struct {
	Domain   addr.Domain
	Selector string
	Private  crypto.Signer // *rsa.PrivateKey or ed25519.PrivateKey
}

// rsaBits is what every verifier must take and what fits into one answer of the DNS (RFC 8301 3.2).
const rsaBits = 2048

// Generate makes a key of an algorithm, RSA (2048 bits) or Ed25519.
func Generate(domain addr.Domain, selector, algorithm string) (Key, error) {
	k := Key{Domain: domain, Selector: selector}
	var err error
	switch algorithm {
	case RSA:
		k.Private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	case Ed25519:
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("unknown algorithm %q", algorithm)
	}
	if err != nil {
		return Key{}, fmt.Errorf("dkim: key: %w", err)
	}
	return k, nil
}

// Algorithm is the key's.
func (k *Key) Algorithm() string {
	if _, ok := k.Private.(*rsa.PrivateKey); ok {
		return RSA
	}
	return Ed25519
}

// Marshal writes the private key (PKCS #8).
func (k *Key) Marshal() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.Private) }

// Unmarshal reads what Marshal wrote.
func (k *Key) Unmarshal(der []byte) error {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return fmt.Errorf("dkim: key: %w", err)
	}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		k.Private = key
	case ed25519.PrivateKey:
		k.Private = key
	default:
		return errors.New("dkim: key: neither RSA nor Ed25519")
	}
	return nil
}

// DNS is the name and the text of the TXT record that publishes the key (RFC 6376 3.6.1, RFC 8463 4).
func (k *Key) DNS() (name, text string, err error) {
	name = k.Selector + "._domainkey." + string(k.Domain)
	if public, ok := k.Private.Public().(ed25519.PublicKey); ok {
		return name, "v=DKIM1; k=ed25519; h=sha256; p=" + base64.StdEncoding.EncodeToString(public), nil
	}
	der, err := x509.MarshalPKIXPublicKey(k.Private.Public())
	if err != nil {
		return "", "", fmt.Errorf("dkim: key: %w", err)
	}
	return name, "v=DKIM1; k=rsa; h=sha256; p=" + base64.StdEncoding.EncodeToString(der), nil
}

// oversigned are the fields that are signed once more than they are there, so that none can be added (RFC 6376 5.4, 8.15).
func oversigned() []string {
	return []string{"From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "In-Reply-To", "References",
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding"}
}

// signed are those that are signed if they are there: lists and those who send on may add theirs.
func signed() []string {
	return []string{"Sender", "Content-Disposition", "Content-Description", "Content-ID", "Resent-Date", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc",
		"Resent-Message-ID", "List-ID", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe", "List-Post", "List-Owner", "List-Archive", "Autocrypt",
		"TLS-Report-Domain", "TLS-Report-Submitter"} // RFC 8460 5.3
}

// Signer signs one message with several keys. It is not safe for concurrent use.
type Signer struct {
	keys   []Key
	now    time.Time
	header header
	body   *bodyHash
}

// NewSigner returns a Signer. now is the time of the signatures.
func NewSigner(now time.Time, keys ...Key) *Signer {
	return &Signer{keys: keys, now: now, body: newBodyHash(relaxed, -1)}
}

// Write implements io.Writer, for octets of the message with CRLF line ends.
func (s *Signer) Write(p []byte) (int, error) {
	s.body.write(s.header.write(p))
	if s.header.broken {
		return 0, errHeader
	}
	return len(p), nil
}

// Finish returns a field for each key, to be put before the message.
func (s *Signer) Finish() ([]byte, error) {
	f := readFields(s.header.raw)
	names := chosen(f)
	header, sum := s.pick(f, names), s.body.finish()
	var out []byte
	for i := range s.keys {
		field, err := s.keys[i].sign("DKIM-Signature: v=1;", s.now, header, names, sum)
		if err != nil {
			return nil, err
		}
		out = append(out, field...)
	}
	return out, nil
}

// chosen are the names of the fields that are signed.
func chosen(f *fields) (names []string) {
	for _, name := range oversigned() {
		for range len(f.name[strings.ToLower(name)]) + 1 {
			names = append(names, name)
		}
	}
	for _, name := range signed() {
		for range f.name[strings.ToLower(name)] {
			names = append(names, name)
		}
	}
	return names
}

// pick gathers the fields of these names.
func (s *Signer) pick(f *fields, names []string) (header []byte) {
	p := picker{fields: f, taken: make(map[string]int), but: -1}
	for _, name := range names {
		if field := p.pick(strings.ToLower(name)); field != nil {
			header = appendHeader(header, field, relaxed)
		}
	}
	return header
}

// sign makes a signature over a header and the hash of a body; start is the field's name and its first tag.
func (k *Key) sign(start string, now time.Time, header []byte, names []string, body []byte) ([]byte, error) {
	f := k.begin(start, " c=relaxed/relaxed;", now)
	for i, name := range names {
		before, after := "", ":"
		if i == 0 {
			before = " h="
		}
		if i == len(names)-1 {
			after = ";"
		}
		f.word(before + name + after)
	}
	f.word(" bh=" + base64.StdEncoding.EncodeToString(body) + ";")
	return k.end(f, header)
}

// begin writes what all signatures say; more is behind the algorithm.
func (k *Key) begin(start, more string, now time.Time) *folder {
	f := new(folder)
	f.word(start)
	f.word(" a=" + k.Algorithm() + "-sha256;")
	if more != "" {
		f.word(more)
	}
	f.word(" d=" + string(k.Domain) + ";")
	f.word(" s=" + k.Selector + ";")
	f.word(fmt.Sprintf(" t=%d;", now.Unix()))
	return f
}

// end signs a header, in canonical form, and the field itself.
func (k *Key) end(f *folder, header []byte) ([]byte, error) {
	f.word(" b=")
	field := append(f.b, "\r\n"...)
	h := sha256.New()
	h.Write(header)
	h.Write(bytes.TrimSuffix(appendHeader(nil, field, relaxed), []byte("\r\n")))
	sum := h.Sum(nil)
	var opts crypto.SignerOpts = crypto.SHA256
	if k.Algorithm() == Ed25519 {
		opts = crypto.Hash(0) // RFC 8463 3: PureEdDSA over the sum
	}
	signature, err := k.Private.Sign(rand.Reader, sum, opts)
	if err != nil {
		return nil, fmt.Errorf("dkim: signing for %s: %w", k.Domain, err)
	}
	for text := base64.StdEncoding.EncodeToString(signature); text != ""; {
		n := min(len(text), f.room())
		f.word(text[:n])
		text = text[n:]
	}
	return append(f.b, "\r\n"...), nil
}

// folder writes a field in lines of at most 76 octets where words allow.
type folder struct {
	b    []byte
	line int
}

const maxLine = 76

// room is how much fits into this line, or into the next one where there is hardly any.
func (f *folder) room() int {
	if n := maxLine - f.line; n > 8 {
		return n
	}
	return maxLine - 1
}

// word writes what must not be folded inside. White space at its beginning becomes that of the fold.
func (f *folder) word(s string) {
	if f.line > 0 && f.line+len(s) > maxLine {
		f.b = append(f.b, "\r\n\t"...)
		f.line, s = 1, strings.TrimPrefix(s, " ")
	}
	f.b = append(f.b, s...)
	f.line += len(s)
}
