package sasl

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// CramKey is what CRAM-MD5 needs of a password: the state of MD5 behind the two padded keys, which RFC 2195 2 calls contexts. It cannot
// be turned back into the password but by guessing, which MD5 makes cheap; and whoever has it can log in by CRAM-MD5. So it is
// kept only where an operator asks for it, and then encrypted.
type CramKey struct{ Outer, Inner [md5.Size]byte }

// DeriveCramKey makes the CramKey of a password, which must have been prepared by Prep.
func DeriveCramKey(password string) CramKey {
	key := []byte(password)
	if len(key) > md5.BlockSize {
		sum := md5.Sum(key)
		key = sum[:]
	}
	return CramKey{Outer: padded(key, 0x5c), Inner: padded(key, 0x36)} // RFC 2104 2
}

// padded is the state of MD5 behind a key that was made a block long and mixed with pad.
func padded(key []byte, pad byte) (state [md5.Size]byte) {
	block := bytes.Repeat([]byte{pad}, md5.BlockSize)
	for i, c := range key {
		block[i] ^= c
	}
	h := md5.New()
	h.Write(block)
	b, err := h.(encoding.BinaryAppender).AppendBinary(nil)
	if err != nil {
		panic("sasl: the state of MD5: " + err.Error())
	}
	copy(state[:], b[len(md5Magic):])
	return state
}

// md5Magic begins the states that crypto/md5 writes and reads: it, the state, a block of input, and how much input there has been.
const md5Magic = "md5\x01"

// resumed is MD5 behind one block.
func resumed(state [md5.Size]byte) hash.Hash {
	b := append([]byte(md5Magic), state[:]...)
	b = append(b, make([]byte, md5.BlockSize)...)
	b = binary.BigEndian.AppendUint64(b, md5.BlockSize)
	h := md5.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(b); err != nil {
		panic("sasl: the state of MD5: " + err.Error())
	}
	return h
}

// Fits says whether digest is what somebody who knows the password makes of a challenge.
func (k *CramKey) Fits(challenge string, digest []byte) bool {
	inner, outer := resumed(k.Inner), resumed(k.Outer)
	inner.Write([]byte(challenge))
	outer.Write(inner.Sum(nil))
	return hmac.Equal(outer.Sum(nil), digest)
}

// cramServer is CRAM-MD5 (RFC 2195 2):
//
//	S: "<" something unique "@" host ">"
//	C: user SP digest in hexadecimal
type cramServer struct {
	config    *Config
	challenge string
}

// Next implements Server.
func (s *cramServer) Next(response []byte) ([]byte, bool, error) {
	if s.challenge == "" {
		if response != nil { // the server speaks first
			return nil, true, malformed("CRAM-MD5: an initial response")
		}
		host := s.config.Offer.Host
		if host == "" {
			host = "localhost"
		}
		// deviates: there is no timestamp. Randomness is what makes it unique.
		s.challenge = "<" + s.config.nonce() + "@" + host + ">"
		return []byte(s.challenge), false, nil
	}
	at := bytes.LastIndexByte(response, ' ')
	if at <= 0 || len(response)-at-1 != 2*md5.Size {
		return nil, true, malformed("CRAM-MD5")
	}
	digest, err := hex.DecodeString(string(response[at+1:]))
	if err != nil {
		return nil, true, malformed("CRAM-MD5: digest")
	}
	user, err := Prep(string(response[:at]))
	if err != nil {
		return nil, true, ErrFailed
	}
	return nil, true, s.config.Backend.Digest(user, s.challenge, digest)
}

type cramClient struct{ user, password string }

// NewCramClient returns the client's side of CRAM-MD5.
func NewCramClient(user, password string) Client { return &cramClient{user, password} }

// Next implements Client.
func (c *cramClient) Next(challenge []byte) ([]byte, error) {
	if challenge == nil {
		return nil, nil
	}
	m := hmac.New(md5.New, []byte(c.password))
	m.Write(challenge)
	return []byte(c.user + " " + hex.EncodeToString(m.Sum(nil))), nil
}

var (
	_ Server = (*cramServer)(nil)
	_ Client = (*cramClient)(nil)
)
