package listen

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// ClientNames are what the client's certificate says who it is: its e-mail addresses (RFC 5280 4.2.1.6, rfc822Name), in small
// letters, and "sha256:" with its fingerprint in hex. There are none unless the certificate was asked for and verified
// (tls.Config.ClientCAs).
func (c *Conn) ClientNames() []string {
	state := c.TLS()
	if state == nil || len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return nil
	}
	cert := state.PeerCertificates[0]
	var names []string
	for _, a := range cert.EmailAddresses {
		names = append(names, strings.ToLower(a))
	}
	sum := sha256.Sum256(cert.Raw)
	return append(names, "sha256:"+hex.EncodeToString(sum[:]))
}
