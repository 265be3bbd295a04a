package directory

import (
	"errors"
	"strings"
	"testing"
)

// The vectors are those of the specification, and what crypt(3) of a C library makes.
func TestHashesOfOthers(t *testing.T) {
	for _, tt := range []struct{ password, hash string }{
		{"Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
		{"Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"},
		{"This is just a test", "$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5"},
		{"a long password of more than sixty-four octets, which takes more than one block of both", "$5$xy$dQcDNyP5FzcCXmdr1cVzLSj/S69L4NUP2L0NEbrxCY9"},
		{"ä", "$6$rounds=1000$$9gpbCotRcq9gbXX6CsW4GLledCc3fmeR6gP4YFpsY5SriAO7gRI4.Ly3qw7Wsym1MMJMgjm029IFVx4MIphDu1"},
		{"Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
		{"Hello world!", "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."},
		{"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	} {
		h, err := parseHash(tt.hash)
		if err != nil {
			t.Errorf("%s: %v", tt.hash, err)
			continue
		}
		if !h.fits(tt.password) || h.fits(tt.password+"x") || h.String() != tt.hash {
			t.Errorf("%s: it does not fit", tt.hash)
		}
	}
	for _, bad := range []string{
		"", "x", "$1$salt$abc", "$5$", "$5$salt$", "$5$rounds=999999999$salt$" + strings.Repeat("a", 43), "$5$rounds=10$salt$" + strings.Repeat("a", 43),
		"$6$salt$" + strings.Repeat("a", 43), "$5$salt$" + strings.Repeat("!", 43), "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$2a$05$short", "$5$rounds=05000$salt$" + strings.Repeat("a", 43),
		"$5$saltsaltsaltsalts$" + strings.Repeat("a", 43),
	} {
		if h, err := parseHash(bad); err == nil {
			t.Errorf("%q was taken for %v", bad, h)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	for _, s := range []string{"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if h, err := parseHash(s); err == nil && h.String() != s {
			t.Errorf("%q is read as %q", s, h)
		}
	})
}

func TestErrorsOfImports(t *testing.T) {
	var d Directory
	if _, err := d.Imported("{PLAIN}secret"); !errors.Is(err, ErrBadPassword) || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}
