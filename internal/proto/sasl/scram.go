package sasl

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNonce bounds the client's nonce: ours goes behind it, and both come back.
const maxNonce = 256

// scramServer is RFC 5802's server:
//
//	C: gs2-header "n=" username ",r=" c-nonce
//	S: "r=" c-nonce s-nonce ",s=" salt ",i=" iterations
//	C: "c=" base64(gs2-header cbind-data) ",r=" nonce ",p=" proof
//	S: "v=" verifier
//	C: (empty)
type scramServer struct {
	config Config
	hash   Hash
	plus   bool

	step        int
	header      gs2Header
	user        string // prepared
	clientFirst string // client-first-message-bare
	serverFirst string
	nonce       string // both parts
	keys        Keys
}

// Next implements Server.
func (s *scramServer) Next(response []byte) ([]byte, bool, error) {
	var challenge string
	var err error
	switch s.step {
	case 0:
		if response == nil {
			return []byte{}, false, nil
		}
		challenge, err = s.first(string(response))
	case 1:
		challenge, err = s.final(string(response))
	case 2: // RFC 5802 5: the client has seen the verifier
		if len(response) > 0 {
			return nil, true, malformed("data after the end of SCRAM")
		}
		s.step++
		return nil, true, nil
	default:
		return nil, true, malformed("SCRAM after its end")
	}
	if err != nil {
		s.step = 3
		return nil, true, err
	}
	s.step++
	return []byte(challenge), false, nil
}

// first takes client-first-message and returns server-first-message:
//
//	client-first-message-bare = [reserved-mext ","] username "," nonce ["," extensions]
func (s *scramServer) first(message string) (string, error) {
	if !utf8.ValidString(message) {
		return "", malformed("SCRAM: not UTF-8")
	}
	header, bare, err := parseGS2(message)
	if err != nil {
		return "", err
	}
	if err := s.checkBinding(header); err != nil {
		return "", err
	}
	fields := strings.Split(bare, ",")
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "n=") || !strings.HasPrefix(fields[1], "r=") {
		return "", malformed("SCRAM: client-first-message") // RFC 5802 5.1: "m=" too must fail
	}
	name, err := parseName(fields[0][2:])
	if err != nil {
		return "", err
	}
	nonce := fields[1][2:]
	if !isNonce(nonce) {
		return "", malformed("SCRAM: nonce")
	}
	if s.user, err = Prep(name); err != nil {
		return "", fmt.Errorf("%w: user name: %w", ErrFailed, err)
	}
	if s.keys, err = s.config.Backend.Keys(s.user, s.hash); err != nil {
		return "", err
	}
	s.header, s.clientFirst = header, bare
	s.nonce = nonce + s.config.nonce()
	s.serverFirst = "r=" + s.nonce + ",s=" + base64.StdEncoding.EncodeToString(s.keys.Salt) +
		",i=" + strconv.Itoa(s.keys.Iterations)
	return s.serverFirst, nil
}

// checkBinding is the negotiation of RFC 5802 6.
func (s *scramServer) checkBinding(h gs2Header) error {
	switch {
	case s.plus != (h.flag == 'p'):
		return malformed("SCRAM: the binding flag does not fit the mechanism")
	case h.flag == 'y' && s.config.Binding != nil:
		// The client would have bound, but saw no -PLUS: somebody took it
		// out of our list.
		return fmt.Errorf("%w: SCRAM downgrade", ErrFailed)
	}
	return nil
}

// final takes client-final-message and returns server-final-message:
//
//	client-final-message-without-proof = channel-binding "," nonce ["," extensions]
//	client-final-message = client-final-message-without-proof "," proof
func (s *scramServer) final(message string) (string, error) {
	at := strings.LastIndex(message, ",p=")
	if at < 0 {
		return "", malformed("SCRAM: no proof")
	}
	withoutProof := message[:at]
	proof, err := base64.StdEncoding.DecodeString(message[at+3:])
	if err != nil {
		return "", malformed("SCRAM: proof")
	}
	fields := strings.Split(withoutProof, ",")
	if len(fields) < 2 || !strings.HasPrefix(fields[0], "c=") || !strings.HasPrefix(fields[1], "r=") {
		return "", malformed("SCRAM: client-final-message")
	}
	if fields[1][2:] != s.nonce {
		return "", malformed("SCRAM: the nonce changed")
	}
	binding, err := s.binding()
	if err != nil {
		return "", err
	}
	if fields[0][2:] != base64.StdEncoding.EncodeToString(binding) {
		return "", fmt.Errorf("%w: channel bindings don't match", ErrFailed)
	}
	authMessage := s.clientFirst + "," + s.serverFirst + "," + withoutProof
	key := s.keys.match(s.hash, authMessage, proof)
	if key < 0 {
		return "", ErrFailed
	}
	if err := s.config.Backend.Proved(s.header.authzid, s.user, s.hash, key); err != nil {
		return "", err
	}
	verifier := s.hash.hmac(s.keys.Keys[key].ServerKey, authMessage)
	return "v=" + base64.StdEncoding.EncodeToString(verifier), nil
}

// binding is cbind-input: the GS2 header and, with 'p', the data.
func (s *scramServer) binding() ([]byte, error) {
	input := []byte(s.header.raw)
	if s.header.flag != 'p' {
		return input, nil
	}
	data, err := s.config.Binding(s.header.kind)
	if err != nil || len(data) == 0 {
		return nil, fmt.Errorf("%w: no channel binding of type %q", ErrFailed, s.header.kind)
	}
	return append(input, data...), nil
}

// gs2Header is RFC 5802 7:
//
//	gs2-cbind-flag = ("p=" cb-name) / "n" / "y"
//	gs2-header     = gs2-cbind-flag "," [ authzid ] ","
type gs2Header struct {
	flag    byte   // 'n', 'y' or 'p'
	kind    string // of binding, with 'p'
	authzid string
	raw     string // all of it
}

func parseGS2(message string) (h gs2Header, rest string, err error) {
	flag, rest, ok1 := strings.Cut(message, ",")
	authzid, rest, ok2 := strings.Cut(rest, ",")
	if !ok1 || !ok2 {
		return h, "", malformed("SCRAM: GS2 header")
	}
	h.raw = message[:len(message)-len(rest)]
	switch {
	case flag == "n" || flag == "y":
		h.flag = flag[0]
	case strings.HasPrefix(flag, "p=") && isBindingName(flag[2:]):
		h.flag, h.kind = 'p', flag[2:]
	default:
		return h, "", malformed("SCRAM: binding flag")
	}
	if authzid != "" {
		if !strings.HasPrefix(authzid, "a=") {
			return h, "", malformed("SCRAM: authorization identity")
		}
		if h.authzid, err = parseName(authzid[2:]); err != nil {
			return h, "", err
		}
	}
	return h, rest, nil
}

// isBindingName is cb-name = 1*(ALPHA / DIGIT / "." / "-").
func isBindingName(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if !(c >= 'a' && c <= 'z' || s[i] >= '0' && s[i] <= '9' || s[i] == '.' || s[i] == '-') {
			return false
		}
	}
	return s != ""
}

// isNonce is c-nonce = printable = %x21-2B / %x2D-7E, once or more.
func isNonce(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e || s[i] == ',' {
			return false
		}
	}
	return s != "" && len(s) <= maxNonce
}

// parseName undoes the quoting of saslname: '=2C' and '=3D', and no other '='.
func parseName(s string) (string, error) {
	if s == "" || strings.IndexByte(s, 0) >= 0 {
		return "", malformed("SCRAM: name")
	}
	if strings.Count(s, "=") != strings.Count(s, "=2C")+strings.Count(s, "=3D") {
		return "", malformed("SCRAM: quoting of a name")
	}
	return unquoteName.Replace(s), nil
}

var (
	unquoteName = strings.NewReplacer("=2C", ",", "=3D", "=")
	quoteName   = strings.NewReplacer(",", "=2C", "=", "=3D")
)

var _ Server = (*scramServer)(nil)
