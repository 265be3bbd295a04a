package relay

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"restante/internal/proto/sasl"
	"restante/internal/proto/smtpwire"
)

var (
	errNoMechanism = errors.New("the host offers no way to log in that is safe here")
	errNoProof     = errors.New("the host has not shown that it knows the password, too")
	errNoEnd       = errors.New("the host asks and asks")
)

// maxRounds is how many challenges a host may have.
const maxRounds = 6

// login says who we are (RFC 4954 4). That a host does not accept it passes: the configuration is to be mended, and mail is not to be lost by it.
func (r *Relay) login(s *session, h *Host) error {
	password, err := h.Password()
	if err != nil {
		return fmt.Errorf("the password for %s: %w", s.host, err)
	}
	name, client := mechanism(s, h.User, password)
	if client == nil {
		return errNoMechanism
	}
	if err := exchange(s.c, name, client); err != nil {
		return fmt.Errorf("logging in as %s with %s: %w", h.User, name, err)
	}
	s.auth = true
	return nil
}

// mechanism is the best way to log in that both sides know. In the clear, none that shows the password.
func mechanism(s *session, user, password string) (string, sasl.Client) {
	offered := s.c.Capabilities().Mechanisms
	has := func(name string) bool { return slices.Contains(offered, name) }
	kind, data := binding(s.state)
	scram := func(h sasl.Hash, plus bool) sasl.Client {
		c := &sasl.ScramClient{Hash: h, User: user, Password: password, Supports: kind != ""}
		if plus {
			c.Binding, c.Data, c.Supports = kind, data, false
		}
		return c
	}
	for _, h := range []sasl.Hash{sasl.SHA256, sasl.SHA1} {
		if kind != "" && has(h.Mechanism()+"-PLUS") {
			return h.Mechanism() + "-PLUS", scram(h, true)
		}
		if has(h.Mechanism()) {
			return h.Mechanism(), scram(h, false)
		}
	}
	switch {
	case s.state != nil && has("PLAIN"):
		return "PLAIN", sasl.NewPlainClient("", user, password)
	case s.state != nil && has("LOGIN"):
		return "LOGIN", sasl.NewLoginClient(user, password)
	case has("CRAM-MD5"):
		return "CRAM-MD5", sasl.NewCramClient(user, password)
	}
	return "", nil
}

// binding ties a login to the connection (RFC 9266); only TLS 1.3 can do that.
func binding(state *tls.ConnectionState) (kind string, data []byte) {
	if state == nil || state.Version < tls.VersionTLS13 {
		return "", nil
	}
	data, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return "", nil
	}
	return "tls-exporter", data
}

// exchange runs a mechanism.
func exchange(c *smtpwire.Client, name string, client sasl.Client) error {
	line := "AUTH " + name
	first, err := client.Next(nil)
	if err != nil {
		return err
	}
	switch {
	case first != nil && len(first) == 0: // RFC 4954 4
		line += " ="
	case first != nil:
		line += " " + base64.StdEncoding.EncodeToString(first)
	}
	reply, err := c.Exec(line)
	for round := range maxRounds {
		switch {
		case err != nil:
			return err
		case reply.OK() && round < 2 && strings.HasPrefix(name, "SCRAM-"):
			return errNoProof
		case reply.OK():
			return nil
		case reply.Code != 334:
			return reply
		}
		challenge, err := base64.StdEncoding.DecodeString(reply.Text)
		if err != nil {
			return errors.Join(err, cancel(c))
		}
		response, err := client.Next(challenge)
		if err != nil {
			return errors.Join(err, cancel(c))
		}
		if reply, err = c.Exec(base64.StdEncoding.EncodeToString(response)); err != nil {
			return err
		}
	}
	return errNoEnd
}

// cancel ends an exchange that makes no sense to us.
func cancel(c *smtpwire.Client) error {
	_, err := c.Exec("*")
	return err
}
