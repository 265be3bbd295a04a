// Package srs writes and reads the reverse-paths of forwarded mail, by the Sender
// Rewriting Scheme (Shevek, "SRS: A Mechanism for Envelope Rewriting", 2003;
// there is no RFC).
//
// # Model
//
// Whoever forwards mail sends it from an address of his own, or SPF would refuse
// it. That address has the old one in it, so that reports find back:
//
//	u@source.example             through a.example  SRS0=hash=tt=source.example=u@a.example
//	SRS0=hash=tt=source.example=u@a.example
//	                             through b.example  SRS1=hash=a.example==hash=tt=source.example=u@b.example
//
// A third host and all after it put their own hash into the SRS1 address: it never
// grows, and leads back to the first host, who knows whether it made it.
//
// # Invariants
//
//   - Only what was written with one of the keys is read, for Days days.
//   - Letter case is not part of it: hosts fold it.
//   - A path that would be longer than an address may be is not written.
package srs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/proto/addr"
)

// Days is how long an address leads back. Reports come within five days, or ten where two hosts queue.
const Days = 21

// Why an address is not written or read.
var (
	ErrSyntax  = errors.New("srs: not an SRS address")
	ErrForged  = errors.New("srs: the hash is not ours")
	ErrExpired = errors.New("srs: too old")
	ErrTooLong = errors.New("srs: the address would be too long")
)

// Keys are secrets of at least 16 octets, the newest first: it writes, all of them read.
type Keys [][]byte

// Is says whether a local part claims to be one of SRS.
func Is(local string) bool { return prefix(local) != 0 }

// prefix is '0' or '1' for SRS0 and SRS1 with one of the separators behind them, else 0.
func prefix(local string) byte {
	if len(local) < 5 || !strings.EqualFold(local[:3], "SRS") || strings.IndexByte("=+-", local[4]) < 0 {
		return 0
	}
	if c := local[3]; c == '0' || c == '1' {
		return c
	}
	return 0
}

// Forward returns the reverse-path with which mail from an address is sent on by a domain.
func (k Keys) Forward(from addr.Address, domain addr.Domain, now time.Time) (addr.Address, error) {
	local := ""
	switch prefix(from.Local) {
	case '0': // the separator stays: it is what the first host has chosen
		local = k.second(string(from.Domain), from.Local[4:])
	case '1':
		if host, rest, ok := splitSecond(from.Local); ok {
			local = k.second(host, rest)
		}
	}
	if local == "" {
		stamp := stampOf(now)
		local = "SRS0=" + k.hash(0, stamp, string(from.Domain), from.Local) + "=" + stamp + "=" + string(from.Domain) + "=" + from.Local
	}
	out, err := addr.New(local, string(domain))
	if err != nil || len(local) > addr.MaxLocal {
		return addr.Address{}, fmt.Errorf("%w: of %s", ErrTooLong, from)
	}
	return out, nil
}

// second is the local part of SRS1; rest begins with a separator.
func (k Keys) second(host, rest string) string {
	return "SRS1=" + k.hash(0, host, rest) + "=" + host + "=" + rest
}

// splitSecond takes SRS1 apart: the first host, and what it wrote after SRS0.
func splitSecond(local string) (host, rest string, ok bool) {
	_, after, ok := strings.Cut(local[5:], "=")
	host, rest, also := strings.Cut(after, "=")
	_, err := addr.ParseDomain(host)
	return host, rest, ok && also && err == nil && rest != "" && strings.IndexByte("=+-", rest[0]) >= 0
}

// Back returns where a report to an address of ours goes.
func (k Keys) Back(to addr.Address, now time.Time) (addr.Address, error) {
	switch prefix(to.Local) {
	case '0':
		return k.back0(to.Local[5:], now)
	case '1':
		return k.back1(to.Local)
	}
	return addr.Address{}, ErrSyntax
}

func (k Keys) back0(text string, now time.Time) (addr.Address, error) {
	part := strings.SplitN(text, "=", 4)
	if len(part) < 4 {
		return addr.Address{}, ErrSyntax
	}
	hash, stamp, domain, local := part[0], part[1], part[2], part[3]
	if !k.made(hash, stamp, domain, local) {
		return addr.Address{}, ErrForged
	}
	age, ok := age(stamp, now)
	if !ok {
		return addr.Address{}, ErrSyntax
	}
	if age > Days {
		return addr.Address{}, ErrExpired
	}
	return address(local, domain)
}

func (k Keys) back1(local string) (addr.Address, error) {
	host, rest, ok := splitSecond(local)
	if !ok {
		return addr.Address{}, ErrSyntax
	}
	hash, _, _ := strings.Cut(local[5:], "=")
	if !k.made(hash, host, rest) {
		return addr.Address{}, ErrForged
	}
	return address("SRS0"+rest, host)
}

func address(local, domain string) (addr.Address, error) {
	a, err := addr.New(local, domain)
	if err != nil {
		return addr.Address{}, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return a, nil
}

// hashLength is 30 bits: who guesses one has won a report to one stranger.
const hashLength = 6

// hash is over the parts in lower case, by one of the keys.
func (k Keys) hash(key int, parts ...string) string {
	h := hmac.New(sha256.New, k[key])
	h.Write([]byte(strings.ToLower(strings.Join(parts, "="))))
	return encoding().EncodeToString(h.Sum(nil))[:hashLength]
}

// made says whether one of the keys has made a hash.
func (k Keys) made(hash string, parts ...string) bool {
	good := false
	for i := range k {
		good = hmac.Equal([]byte(strings.ToUpper(hash)), []byte(k.hash(i, parts...))) || good
	}
	return good
}

func encoding() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

const (
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	cycle    = int64(len(alphabet) * len(alphabet)) // days until a stamp comes again
)

func today(now time.Time) int64 { return now.Unix() / (24 * 60 * 60) % cycle }

// stampOf is the day in two letters.
func stampOf(now time.Time) string {
	d := today(now)
	return string([]byte{alphabet[d>>5], alphabet[d&31]})
}

// age is how many days ago a stamp was made.
func age(stamp string, now time.Time) (days int64, ok bool) {
	if len(stamp) != 2 {
		return 0, false
	}
	stamp = strings.ToUpper(stamp)
	high, low := strings.IndexByte(alphabet, stamp[0]), strings.IndexByte(alphabet, stamp[1])
	if high < 0 || low < 0 {
		return 0, false
	}
	return (today(now) - int64(high<<5|low) + cycle) % cycle, true
}
