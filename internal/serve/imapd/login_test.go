package imapd_test

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"restante/internal/proto/sasl"
)

// startTLS is a client behind a handshake.
func startTLS(t *testing.T, conn net.Conn, conf *tls.Config) (*client, *tls.Conn) {
	t.Helper()
	tc := tls.Client(conn, conf)
	if err := tc.Handshake(); err != nil {
		t.Fatal(err)
	}
	return &client{t: t, conn: tc, r: bufio.NewReader(tc)}, tc
}

func TestStartTLS(t *testing.T) {
	o, conf := withTLS(t, houseOptions{})
	h := newHouse(t, o)
	c := h.client()
	before := raw(c.ok("CAPABILITY"))
	for _, want := range []string{"STARTTLS", "LOGINDISABLED", "AUTH=SCRAM-SHA-256"} {
		if !strings.Contains(before, " "+want) {
			t.Errorf("no %s before TLS: %s", want, before)
		}
	}
	if strings.Contains(before, "PLUS") || strings.Contains(before, "AUTH=PLAIN") {
		t.Errorf("offered in the clear: %s", before)
	}
	c.ok("STARTTLS")
	c, _ = startTLS(t, c.conn, conf)
	after := raw(c.ok("CAPABILITY"))
	if !strings.Contains(after, "AUTH=SCRAM-SHA-256-PLUS") || !strings.Contains(after, "AUTH=PLAIN") ||
		strings.Contains(after, "STARTTLS") || strings.Contains(after, "LOGINDISABLED") {
		t.Errorf("under TLS: %s", after)
	}
	if got := c.do("STARTTLS"); got[0].Name != "BAD" {
		t.Errorf("STARTTLS under TLS: %s", raw(got))
	}
	c.ok("LOGIN u1 pass")
	c.ok("SELECT INBOX")
	c.ok("LOGOUT")
	c.close()
}

// TestInjection: what is sent in the clear behind STARTTLS must not be done under TLS, nor be answered (CVE-2011-0411 and its kin).
func TestInjection(t *testing.T) {
	o, _ := withTLS(t, houseOptions{})
	h := newHouse(t, o)
	c := h.client()
	c.send("a STARTTLS\r\nb NOOP\r\n")
	rest, err := io.ReadAll(c.r)
	if err != nil || !strings.HasPrefix(string(rest), "* BYE ") || strings.Contains(string(rest), "b OK") {
		t.Errorf("got %q, %v", rest, err)
	}
	c.close()
}

func TestScram(t *testing.T) {
	o, conf := withTLS(t, houseOptions{})
	h := newHouse(t, o)
	for _, binding := range []string{"", "tls-exporter", "tls-server-end-point"} {
		t.Run("binding "+binding, func(t *testing.T) {
			c := h.client()
			c.ok("STARTTLS")
			c, tc := startTLS(t, c.conn, conf)
			defer c.close()
			s := &sasl.ScramClient{Hash: sasl.SHA256, User: "u1", Password: "pass", Binding: binding, Data: bindingData(t, tc, binding)}
			mechanism := sasl.ScramSHA256
			if binding != "" {
				mechanism = sasl.ScramSHA256Plus
			}
			if got := authenticate(c, mechanism, s, true); !strings.HasPrefix(got, "a OK [CAPABILITY ") {
				t.Error(got)
			}
		})
	}
	t.Run("wrong password, without initial response", func(t *testing.T) {
		c := h.client()
		defer c.close()
		s := &sasl.ScramClient{Hash: sasl.SHA256, User: "u1", Password: "guess"}
		if got := authenticate(c, sasl.ScramSHA256, s, false); !strings.HasPrefix(got, "a NO [AUTHENTICATIONFAILED]") {
			t.Error(got)
		}
		// The same connection may try again.
		s = &sasl.ScramClient{Hash: sasl.SHA256, User: "u1", Password: "pass"}
		if got := authenticate(c, sasl.ScramSHA256, s, false); !strings.HasPrefix(got, "a OK") {
			t.Error(got)
		}
	})
}

func bindingData(t *testing.T, c *tls.Conn, kind string) []byte {
	t.Helper()
	state := c.ConnectionState()
	switch kind {
	case "tls-exporter":
		data, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
		if err != nil {
			t.Fatal(err)
		}
		return data
	case "tls-server-end-point":
		// RFC 5929 4.1: the certificate is signed with SHA-256.
		sum := sha256.Sum256(state.PeerCertificates[0].Raw)
		return sum[:]
	}
	return nil
}

// authenticate runs an exchange and returns the tagged reply.
func authenticate(c *client, mechanism string, s sasl.Client, initial bool) string {
	c.t.Helper()
	response, err := s.Next(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	line := "a AUTHENTICATE " + mechanism
	if initial {
		line += " " + base64.StdEncoding.EncodeToString(response)
		response = nil
	}
	c.send("%s\r\n", line)
	for {
		answer, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatal(err)
		}
		challenge, ok := strings.CutPrefix(strings.TrimRight(answer, "\r\n"), "+ ")
		if !ok {
			return answer
		}
		if challenge != "" || response == nil {
			data, err := base64.StdEncoding.DecodeString(challenge)
			if err != nil {
				c.t.Fatal(err)
			}
			if response, err = s.Next(data); err != nil {
				c.t.Fatal(err)
			}
		}
		fmt.Fprintf(c.conn, "%s\r\n", base64.StdEncoding.EncodeToString(response))
	}
}

// TestLongID sends as much as ID may have (RFC 2971 3.3), before the login.
func TestLongID(t *testing.T) {
	h := newHouse(t, plain())
	c := h.client()
	defer c.close()
	var id strings.Builder
	for i := range 30 {
		fmt.Fprintf(&id, " \"%030d\" \"%s\"", i, strings.Repeat("x", 1024))
	}
	fmt.Fprintf(c.conn, "a ID (%s)\r\n", id.String()[1:])
	all := c.until("a")
	if last := all[len(all)-1]; last.Name != "OK" {
		t.Errorf("ID of %d octets: %s", id.Len(), last.Raw)
	}
}
