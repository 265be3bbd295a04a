package sasl_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xdg-go/scram"

	"restante/internal/proto/sasl"
)

// users is a Backend: names to passwords, the first of which is the account's
// own and the others its devices'.
type users struct {
	passwords  map[string][]string
	salt       []byte
	iterations int
	broken     error

	who string // authcid as authzid, after success
	key int
}

func newUsers() *users {
	return &users{
		passwords:  map[string][]string{"user": {"pencil"}, "tim": {"tanstaaf", "phone", "desk"}, "IX": {"½"}},
		salt:       []byte("a salt"),
		iterations: sasl.MinIterations,
	}
}

func (u *users) Password(authzid, authcid, password string) error {
	if u.broken != nil {
		return u.broken
	}
	i := slices.IndexFunc(u.passwords[authcid], func(p string) bool {
		p, err := sasl.Prep(p)
		return err == nil && p == password
	})
	if i < 0 {
		return sasl.ErrFailed
	}
	return u.accept(authzid, authcid, i)
}

func (u *users) Keys(authcid string, h sasl.Hash) (sasl.Keys, error) {
	if u.broken != nil {
		return sasl.Keys{}, u.broken
	}
	if u.passwords[authcid] == nil {
		return sasl.FakeKeys([]byte("secret"), authcid, h, u.iterations), nil
	}
	keys := sasl.Keys{Salt: u.salt, Iterations: u.iterations}
	for _, p := range u.passwords[authcid] {
		p, err := sasl.Prep(p)
		if err != nil {
			return keys, err
		}
		key, err := sasl.DeriveKey(h, p, u.salt, u.iterations)
		if err != nil {
			return keys, err
		}
		keys.Keys = append(keys.Keys, key)
	}
	return keys, nil
}

func (u *users) Proved(authzid, authcid string, _ sasl.Hash, key int) error {
	return u.accept(authzid, authcid, key)
}

func (u *users) Token(user, token string) error {
	switch token {
	case "good":
		return u.accept("", "user", 0)
	case "narrow":
		return sasl.ErrScope
	case "later":
		return errors.New("the issuer is away")
	}
	return sasl.ErrFailed
}

func (u *users) External(authzid string, names []string) error {
	if !slices.Contains(names, "user@demo.test") {
		return sasl.ErrFailed
	}
	return u.accept(authzid, "user", 0)
}

func (u *users) Digest(authcid, challenge string, digest []byte) error {
	for i, p := range u.passwords[authcid] {
		if key := sasl.DeriveCramKey(p); key.Fits(challenge, digest) {
			return u.accept("", authcid, i)
		}
	}
	return sasl.ErrFailed
}

// usual is what most installations offer, offer everything there is.
func usual() sasl.Offer {
	return sasl.Offer{Mechanisms: []string{sasl.ScramSHA256, sasl.Plain, sasl.Login}}
}

func offer() sasl.Offer {
	return sasl.Offer{
		Mechanisms: []string{
			sasl.CramMD5, sasl.Login, sasl.Plain, sasl.ScramSHA1, sasl.ScramSHA256, sasl.OAuthBearer, sasl.XOAuth2, sasl.External,
		},
		Scope: "mail", Configuration: "https://issuer.test/.well-known/openid-configuration",
	}
}

func (u *users) accept(authzid, authcid string, key int) error {
	if authzid != "" && authzid != authcid && authcid != "tim" {
		return sasl.ErrFailed
	}
	u.who, u.key = authcid+" as "+authzid, key
	return nil
}

func hello(kind string) ([]byte, error) {
	if kind == "tls-exporter" {
		return []byte("binding data"), nil
	}
	return nil, errors.New("no such binding")
}

// run drives client and server to the end.
func run(s sasl.Server, c sasl.Client) error {
	response, err := c.Next(nil)
	if err != nil {
		return err
	}
	for range 10 {
		challenge, done, err := s.Next(response)
		if err != nil || done {
			return err
		}
		if response, err = c.Next(challenge); err != nil {
			return err
		}
	}
	return errors.New("no end")
}

func TestExchanges(t *testing.T) {
	binding := func(user, password, kind, data string) sasl.Client {
		return &sasl.ScramClient{Hash: sasl.SHA256, User: user, Password: password, Binding: kind, Data: []byte(data)}
	}
	tests := []struct {
		name, mechanism string
		client          sasl.Client
		who             string // "" means that it must fail
		key             int
		err             error
	}{
		{"plain", "PLAIN", sasl.NewPlainClient("", "tim", "tanstaaf"), "tim as ", 0, nil},
		{"plain, lower case", "plain", sasl.NewPlainClient("", "tim", "phone"), "tim as ", 1, nil},
		{"plain, another identity", "PLAIN", sasl.NewPlainClient("user", "tim", "phone"), "tim as user", 1, nil},
		{"plain, forbidden identity", "PLAIN", sasl.NewPlainClient("tim", "user", "pencil"), "", 0, sasl.ErrFailed},
		{"plain, wrong", "PLAIN", sasl.NewPlainClient("", "tim", "x"), "", 0, sasl.ErrFailed},
		{"plain, unknown", "PLAIN", sasl.NewPlainClient("", "tom", "x"), "", 0, sasl.ErrFailed},
		{"plain, no password", "PLAIN", sasl.NewPlainClient("", "tim", ""), "", 0, sasl.ErrMalformed},
		{"plain, four fields", "PLAIN", sasl.NewPlainClient("a\x00b", "tim", "x"), "", 0, sasl.ErrMalformed},
		{"plain, control characters", "PLAIN", sasl.NewPlainClient("", "tim", "a\rb"), "", 0, sasl.ErrFailed},
		{"plain, prepared", "PLAIN", sasl.NewPlainClient("", "I\u00adX", "1\u20442"), "IX as ", 0, nil},
		{"login", "LOGIN", sasl.NewLoginClient("user", "pencil"), "user as ", 0, nil},
		{"login, wrong", "LOGIN", sasl.NewLoginClient("user", "pen"), "", 0, sasl.ErrFailed},
		{"login, empty", "LOGIN", sasl.NewLoginClient("user", ""), "", 0, sasl.ErrMalformed},
		{"scram", "SCRAM-SHA-256", &sasl.ScramClient{Hash: sasl.SHA256, User: "user", Password: "pencil"}, "user as ", 0, nil},
		{"scram, SHA-1", "SCRAM-SHA-1", &sasl.ScramClient{Hash: sasl.SHA1, User: "user", Password: "pencil"}, "user as ", 0, nil},
		{"scram, third key", "SCRAM-SHA-256", &sasl.ScramClient{Hash: sasl.SHA256, User: "tim", Password: "desk"}, "tim as ", 2, nil},
		{"scram, another identity", "SCRAM-SHA-256", &sasl.ScramClient{Hash: sasl.SHA256, User: "tim", Password: "desk", Authzid: "a=b,c"}, "tim as a=b,c", 2, nil},
		{"scram, forbidden identity", "SCRAM-SHA-256", &sasl.ScramClient{Hash: sasl.SHA256, User: "user", Password: "pencil", Authzid: "tim"}, "", 0, sasl.ErrFailed},
		{"scram, wrong", "SCRAM-SHA-256", &sasl.ScramClient{Hash: sasl.SHA256, User: "user", Password: "pen"}, "", 0, sasl.ErrFailed},
		{"scram, unknown", "SCRAM-SHA-256", &sasl.ScramClient{Hash: sasl.SHA256, User: "nobody", Password: "pen"}, "", 0, sasl.ErrFailed},
		{"scram, prepared", "SCRAM-SHA-256", &sasl.ScramClient{Hash: sasl.SHA256, User: "\u2168", Password: "½"}, "IX as ", 0, nil},
		{"scram, downgraded", "SCRAM-SHA-256", &sasl.ScramClient{Hash: sasl.SHA256, User: "user", Password: "pencil", Supports: true}, "", 0, sasl.ErrFailed},
		{"scram, bound without PLUS", "SCRAM-SHA-256", binding("user", "pencil", "tls-exporter", "binding data"), "", 0, sasl.ErrMalformed},
		{"plus", "SCRAM-SHA-256-PLUS", binding("user", "pencil", "tls-exporter", "binding data"), "user as ", 0, nil},
		{"plus, man in the middle", "SCRAM-SHA-256-PLUS", binding("user", "pencil", "tls-exporter", "other data"), "", 0, sasl.ErrFailed},
		{"plus, unknown type", "SCRAM-SHA-256-PLUS", binding("user", "pencil", "tls-unique", "binding data"), "", 0, sasl.ErrFailed},
		{"plus, unbound", "SCRAM-SHA-256-PLUS", binding("user", "pencil", "", ""), "", 0, sasl.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := newUsers()
			c := sasl.Config{Backend: u, Offer: offer(), Plaintext: true, Binding: hello}
			s, err := c.Start(tt.mechanism)
			if err != nil {
				t.Fatal(err)
			}
			err = run(s, tt.client)
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if u.who != tt.who || u.key != tt.key {
				t.Errorf("%q with key %d, want %q with %d", u.who, u.key, tt.who, tt.key)
			}
		})
	}
}

// The examples of RFC 5802 5 and RFC 7677 3, octet for octet.
func TestScramRFCExamples(t *testing.T) {
	tests := []struct {
		hash               sasl.Hash
		salt, cnonce, rest string
		lines              []string
	}{
		{sasl.SHA1, "QSXCR+Q6sek8bf92", "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j", []string{
			"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
			"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
			"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
		}},
		{sasl.SHA256, "W22ZaJ0SNY7soEsUEjb6gQ==", "rOprNGfwEbeRWgbNEkqO", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", []string{
			"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
			"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		}},
	}
	for _, tt := range tests {
		u := newUsers()
		u.salt = unbase64(t, tt.salt)
		c := sasl.Config{Backend: u, Offer: sasl.Offer{Mechanisms: []string{tt.hash.Mechanism()}}, Nonce: func() string { return tt.rest }}
		s, err := c.Start("SCRAM-" + tt.hash.String())
		if err != nil {
			t.Fatal(err)
		}
		client := &sasl.ScramClient{Hash: tt.hash, User: "user", Password: "pencil", Nonce: tt.cnonce}
		var lines []string
		var challenge []byte
		for range 2 {
			response, err := client.Next(challenge)
			if err != nil {
				t.Fatal(err)
			}
			if challenge, _, err = s.Next(response); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(response), string(challenge))
		}
		if diff := cmp.Diff(tt.lines, lines); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.hash, diff)
		}
		if _, err := client.Next(challenge); err != nil {
			t.Errorf("the client does not believe the server: %v", err)
		}
		if _, done, err := s.Next([]byte{}); !done || err != nil || u.who != "user as " {
			t.Errorf("done %v, %v, %q", done, err, u.who)
		}
	}
}

// A peer that we did not write.
func TestScramAgainstXDG(t *testing.T) {
	for _, plus := range []bool{false, true} {
		u := newUsers()
		c := sasl.Config{Backend: u, Offer: usual()}
		client, err := scram.SHA256.NewClient("user", "pencil", "")
		if err != nil {
			t.Fatal(err)
		}
		conv := client.NewConversation()
		name := sasl.ScramSHA256
		if plus {
			c.Binding = hello
			name = sasl.ScramSHA256Plus
			conv = client.NewConversationWithChannelBinding(scram.ChannelBinding{Type: "tls-exporter", Data: []byte("binding data")})
		}
		s, err := c.Start(name)
		if err != nil {
			t.Fatal(err)
		}
		challenge := ""
		for !conv.Done() {
			response, err := conv.Step(challenge)
			if err != nil {
				t.Fatal(err)
			}
			out, _, err := s.Next([]byte(response))
			if err != nil {
				t.Fatal(err)
			}
			challenge = string(out)
		}
		if !conv.Valid() || u.who != "user as " {
			t.Errorf("plus %v: valid %v, %q", plus, conv.Valid(), u.who)
		}
	}
}

func TestFakeKeysAreSteady(t *testing.T) {
	a := sasl.FakeKeys([]byte("s"), "a", sasl.SHA256, 4096)
	again := sasl.FakeKeys([]byte("s"), "a", sasl.SHA256, 4096)
	b := sasl.FakeKeys([]byte("s"), "b", sasl.SHA256, 4096)
	elsewhere := sasl.FakeKeys([]byte("t"), "a", sasl.SHA256, 4096)
	if !bytes.Equal(a.Salt, again.Salt) || bytes.Equal(a.Salt, b.Salt) || bytes.Equal(a.Salt, elsewhere.Salt) {
		t.Error("a fake salt is not a function of the name and the secret")
	}
	if len(a.Salt) != 16 || a.Iterations != 4096 || len(a.Keys) != 0 {
		t.Errorf("%+v", a)
	}
}

func TestMechanisms(t *testing.T) {
	c := sasl.Config{Offer: usual()}
	if got := strings.Join(c.Mechanisms(), " "); got != "SCRAM-SHA-256" {
		t.Error(got)
	}
	c.Binding, c.Plaintext = hello, true
	if got := strings.Join(c.Mechanisms(), " "); got != "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN" {
		t.Error(got)
	}
	c.Offer, c.Names = offer(), []string{"user@demo.test"}
	want := "EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 OAUTHBEARER XOAUTH2 PLAIN LOGIN CRAM-MD5"
	if got := strings.Join(c.Mechanisms(), " "); got != want {
		t.Error(got)
	}
	c.Plaintext, c.Offer, c.Names, c.Binding = false, usual(), nil, nil
	if !c.NeedsSecrecy("plain") || c.NeedsSecrecy(sasl.ScramSHA256) || c.NeedsSecrecy(sasl.OAuthBearer) {
		t.Error("what needs secrecy")
	}
	for _, name := range []string{"PLAIN", "login", "CRAM-MD5", "", "SCRAM-SHA-1", "SCRAM-SHA-256-PLUS-PLUS"} {
		if _, err := c.Start(name); !errors.Is(err, sasl.ErrMechanism) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestBackendErrorsComeThrough(t *testing.T) {
	for _, name := range []string{"PLAIN", "SCRAM-SHA-256"} {
		u := newUsers()
		u.broken = errors.New("the directory is away")
		c := sasl.Config{Backend: u, Offer: usual(), Plaintext: true}
		s, _ := c.Start(name)
		var client sasl.Client = sasl.NewPlainClient("", "user", "pencil")
		if name != "PLAIN" {
			client = &sasl.ScramClient{Hash: sasl.SHA256, User: "user", Password: "pencil"}
		}
		if err := run(s, client); !errors.Is(err, u.broken) || errors.Is(err, sasl.ErrFailed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestScramMalformed(t *testing.T) {
	for _, message := range []string{
		"", "n", "n,,", "n,,n=user", "n,,r=x,n=user", "n,,n=user,r=", "n,,n=user,r=a b", "n,,m=1,n=user,r=x",
		"x,,n=user,r=x", "p=,,n=user,r=x", "p=a_b,,n=user,r=x", "n,user,n=user,r=x", "n,a=,n=user,r=x",
		"n,,n=us=er,r=x", "n,,n=user=2,r=x", "n,,n=\xff,r=x", "n,,n=a\x00b,r=x", "n,,n=user,r=" + strings.Repeat("x", 300),
	} {
		c := sasl.Config{Backend: newUsers(), Offer: usual(), Binding: nil}
		s, _ := c.Start(sasl.ScramSHA256)
		if _, done, err := s.Next([]byte(message)); !done || !errors.Is(err, sasl.ErrMalformed) {
			t.Errorf("%q: done %v, %v", message, done, err)
		}
		if _, done, err := s.Next([]byte("n,,n=user,r=x")); !done || err == nil {
			t.Errorf("%q: the exchange went on after its failure", message)
		}
	}
	for _, message := range []string{
		"", "c=biws", "c=biws,r=xNONCE", "c=biws,r=xNONCE,p=!", "c=biws,r=y,p=AAAA", "r=xNONCE,c=biws,p=AAAA", ",p=AAAA",
	} {
		c := sasl.Config{Backend: newUsers(), Offer: usual(), Nonce: func() string { return "NONCE" }}
		s, _ := c.Start(sasl.ScramSHA256)
		if _, _, err := s.Next([]byte("n,,n=user,r=x")); err != nil {
			t.Fatal(err)
		}
		if _, done, err := s.Next([]byte(message)); !done || !errors.Is(err, sasl.ErrMalformed) {
			t.Errorf("%q: done %v, %v", message, done, err)
		}
	}
}

// FuzzServer holds that nobody gets in who does not know a password, whatever
// the octets, and that every exchange ends.
func FuzzServer(f *testing.F) {
	f.Add("PLAIN", []byte("\x00tim\x00tanstaa"), []byte(""), []byte(""))
	f.Add("LOGIN", []byte("tim"), []byte("tanstaa"), []byte(""))
	f.Add("SCRAM-SHA-256", []byte("n,,n=user,r=x"), []byte("c=biws,r=xNONCE,p=AAAA"), []byte(""))
	f.Add("OAUTHBEARER", []byte("n,a=user,\x01host=h\x01auth=Bearer x.y\x01\x01"), []byte("\x01"), []byte(""))
	f.Add("XOAUTH2", []byte("user=user\x01auth=Bearer xy==\x01\x01"), []byte(""), []byte(""))
	f.Add("EXTERNAL", []byte("user"), []byte(""), []byte(""))
	f.Add("CRAM-MD5", []byte(""), []byte("tim b913a602c7eda7a495b4e6e7334d3890"), []byte(""))
	f.Add("SCRAM-SHA-256-PLUS", []byte("p=tls-exporter,a=b,n=user,r=x"), []byte("c=biws,r=xNONCE,p=AAAA"), []byte(""))
	f.Fuzz(func(t *testing.T, name string, one, two, three []byte) {
		u := newUsers()
		u.iterations = 1
		one = bytes.ReplaceAll(one, []byte("good"), []byte("bad")) // the token that is one
		c := sasl.Config{
			Backend: u, Offer: offer(), Plaintext: true,
			Binding: hello, Nonce: func() string { return "NONCE" }, Names: []string{"nobody@demo.test"},
		}
		for who, passwords := range u.passwords {
			for i := range passwords {
				passwords[i] = "a password that no fuzzer finds " + who
			}
		}
		s, err := c.Start(name)
		if err != nil {
			return
		}
		ended := false
		for _, response := range [][]byte{one, two, three, {}} {
			_, done, err := s.Next(response)
			if done && err == nil || u.who != "" {
				t.Fatal("somebody got in")
			}
			if err != nil && !done {
				t.Fatal("an error is not the end")
			}
			if ended = ended || done; ended {
				return
			}
		}
		t.Fatal("no end")
	})
}
