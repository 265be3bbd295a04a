package sasl

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxIterations is what a client will work through: a server that asks for
// more wants to keep it busy.
const maxIterations = 2_000_000

// ScramClient is the client's side of SCRAM. Its zero value for a field means
// "none".
type ScramClient struct {
	Hash     Hash
	Authzid  string
	User     string
	Password string
	// Binding is the type of channel binding, and Data its data: the
	// mechanism is a -PLUS one. Without a type, Supports tells that the
	// client could bind but saw no -PLUS offered (the flag "y").
	Binding  string
	Data     []byte
	Supports bool
	Nonce    string // for tests; random if empty

	step     int
	bare     string
	verifier []byte
}

var _ Client = (*ScramClient)(nil)

// Next implements Client. The response to the server's last challenge is
// empty; an error then means that the server does not know the password.
func (c *ScramClient) Next(challenge []byte) ([]byte, error) {
	c.step++
	switch {
	case c.step == 1 && len(challenge) == 0:
		return c.first()
	case c.step == 2:
		return c.final(string(challenge))
	case c.step == 3:
		return []byte{}, c.verify(string(challenge))
	}
	return nil, malformed("an unexpected challenge")
}

func (c *ScramClient) header() string {
	flag := "n"
	switch {
	case c.Binding != "":
		flag = "p=" + c.Binding
	case c.Supports:
		flag = "y"
	}
	if c.Authzid != "" {
		return flag + ",a=" + quoteName.Replace(c.Authzid) + ","
	}
	return flag + ",,"
}

func (c *ScramClient) first() ([]byte, error) {
	user, err := Prep(c.User)
	if err != nil {
		return nil, err
	}
	if c.Nonce == "" {
		c.Nonce = rand.Text()
	}
	c.bare = "n=" + quoteName.Replace(user) + ",r=" + c.Nonce
	return []byte(c.header() + c.bare), nil
}

func (c *ScramClient) final(serverFirst string) ([]byte, error) {
	fields := strings.Split(serverFirst, ",")
	if len(fields) < 3 || !strings.HasPrefix(fields[0], "r="+c.Nonce) ||
		!strings.HasPrefix(fields[1], "s=") || !strings.HasPrefix(fields[2], "i=") {
		return nil, malformed("SCRAM: server-first-message")
	}
	salt, err := base64.StdEncoding.DecodeString(fields[1][2:])
	if err != nil {
		return nil, malformed("SCRAM: salt")
	}
	iterations, err := strconv.Atoi(fields[2][2:])
	if err != nil || iterations < 1 || iterations > maxIterations {
		return nil, malformed("SCRAM: iteration count")
	}
	password, err := Prep(c.Password)
	if err != nil {
		return nil, err
	}
	salted, err := saltedPassword(c.Hash, password, salt, iterations)
	if err != nil {
		return nil, err
	}
	binding := append([]byte(c.header()), c.Data...)
	final := "c=" + base64.StdEncoding.EncodeToString(binding) + "," + fields[0]
	authMessage := c.bare + "," + serverFirst + "," + final
	clientKey := c.Hash.hmac(salted, "Client Key")
	proof := c.Hash.hmac(c.Hash.sum(clientKey), authMessage)
	subtle.XORBytes(proof, proof, clientKey)
	c.verifier = c.Hash.hmac(c.Hash.hmac(salted, "Server Key"), authMessage)
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(proof)), nil
}

func (c *ScramClient) verify(serverFinal string) error {
	if e, ok := strings.CutPrefix(serverFinal, "e="); ok {
		return fmt.Errorf("%w: the server says %q", ErrFailed, e)
	}
	v, ok := strings.CutPrefix(serverFinal, "v=")
	v, _, _ = strings.Cut(v, ",")
	got, err := base64.StdEncoding.DecodeString(v)
	if !ok || err != nil {
		return malformed("SCRAM: server-final-message")
	}
	if !hmac.Equal(got, c.verifier) {
		return errors.New("sasl: the server does not know the password")
	}
	return nil
}
