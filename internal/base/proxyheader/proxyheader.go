// Package proxyheader reads the header that a proxy puts before a connection to say whose it is: the PROXY protocol of HAProxy, versions 1 and 2.
//
// It takes exactly the header from a stream and not an octet more, so that whoever goes on reads what the client itself has sent. Whether to
// believe a header is not known here: only what a trusted proxy sends may be given to it.
package proxyheader

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"

	"github.com/pires/go-proxyproto"
	"github.com/pires/go-proxyproto/tlvparse"
)

// Header is what a proxy says of a connection. Its zero value says nothing: the connection is the proxy's own, to see whether the server is well.
type Header struct {
	// Client is who connected to the proxy; not valid when the proxy did not say, or it was no address of IPv4 or IPv6.
	Client netip.AddrPort
	// TLS says that the client speaks TLS with the proxy.
	TLS bool
	// Version is the version of that TLS, as crypto/tls calls it: "TLS 1.3"; empty when the proxy did not say.
	Version string
	// Cipher is the suite of that TLS by its registered name; empty when the proxy did not say, or called it otherwise.
	Cipher string
}

// ErrHeader means that a connection does not begin with a header that can be understood.
var ErrHeader = errors.New("proxyheader: no PROXY header")

const (
	// shortest is what both versions have at least: the signature of version 2 is as long, and "PROXY UNKNOWN" CRLF longer.
	shortest = 12
	// fixed is version 2's part of a fixed size.
	fixed = 16
	// maxLine is the longest header of version 1, with its end.
	maxLine = 107
	// maxRest bounds what follows the fixed part. A client's certificate may be in it.
	maxRest = 8 << 10
)

// Read reads a header. Errors other than ErrHeader are the reader's.
func Read(r io.Reader) (Header, error) {
	raw, err := take(r)
	if err != nil {
		return Header{}, err
	}
	h, err := proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(raw), len(raw)))
	if err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	return meaning(h)
}

// take reads the octets of a header.
func take(r io.Reader) ([]byte, error) {
	raw := make([]byte, shortest, maxLine)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(raw, proxyproto.SIGV1):
		return takeLine(r, raw)
	case bytes.Equal(raw, proxyproto.SIGV2):
		raw = raw[:fixed]
		if _, err := io.ReadFull(r, raw[shortest:]); err != nil {
			return nil, err
		}
		n := int(binary.BigEndian.Uint16(raw[fixed-2:]))
		if n > maxRest {
			return nil, fmt.Errorf("%w: it is too long", ErrHeader)
		}
		raw = append(raw, make([]byte, n)...)
		_, err := io.ReadFull(r, raw[fixed:])
		return raw, err
	}
	return nil, ErrHeader
}

// takeLine reads version 1's line to its end, one octet after the other: nobody knows where that is.
func takeLine(r io.Reader, raw []byte) ([]byte, error) {
	for !bytes.HasSuffix(raw, []byte("\r\n")) {
		n := len(raw)
		if n == maxLine || bytes.IndexByte(raw, '\n') >= 0 {
			return nil, fmt.Errorf("%w: its line does not end", ErrHeader)
		}
		raw = raw[:n+1]
		if _, err := io.ReadFull(r, raw[n:]); err != nil {
			return nil, err
		}
	}
	return raw, nil
}

// meaning is what a header says that was understood.
func meaning(h *proxyproto.Header) (out Header, err error) {
	if h.Command.IsLocal() || h.TransportProtocol == proxyproto.UNSPEC {
		return out, nil // "UNKNOWN" of version 1 as well: the receiver must ignore what else there is
	}
	if !h.TransportProtocol.IsStream() {
		return out, fmt.Errorf("%w: of something else than a stream", ErrHeader)
	}
	if a, ok := h.SourceAddr.(*net.TCPAddr); ok {
		ap := a.AddrPort()
		out.Client = netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
		if ip := out.Client.Addr(); !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() {
			return Header{}, fmt.Errorf("%w: from an address that nobody has", ErrHeader)
		}
	}
	tlvs, err := h.TLVs()
	if err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	ssl, ok := tlvparse.FindSSL(tlvs)
	if !ok || !ssl.ClientSSL() {
		return out, nil
	}
	out.TLS = true
	version, _ := ssl.SSLVersion()
	cipher, _ := ssl.SSLCipher()
	out.Version = strings.Replace(word(version), "TLSv", "TLS ", 1)
	if cipher = word(cipher); strings.HasPrefix(cipher, "TLS_") {
		out.Cipher = cipher
	}
	return out, nil
}

// word is s if it can stand in a log and a trace header, else nothing.
func word(s string) string {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' {
			return ""
		}
	}
	if len(s) > 64 {
		return ""
	}
	return s
}
