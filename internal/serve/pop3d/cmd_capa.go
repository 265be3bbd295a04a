package pop3d

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"restante/internal/proto/pop3wire"
	"restante/internal/store/retention"
)

// capa answers CAPA (RFC 2449 5).
func (s *session) capa(ctx context.Context, _ pop3wire.Command) error {
	expire, err := s.expire(ctx)
	delay, derr := s.loginDelay(ctx)
	if err = errors.Join(err, derr); err != nil {
		s.conn.Log().Error("rules not read", "error", err)
		r := replyTo(err)
		s.err(r.code, r.text)
		return nil
	}
	s.ok("capabilities follow")
	b := s.conn.Writer().AvailableBuffer()
	add := func(tag string, params ...string) { b = pop3wire.AppendCapability(b, tag, params...) }
	add("TOP")
	add("UIDL")
	add("RESP-CODES")
	add("AUTH-RESP-CODE") // RFC 3206 6
	add("PIPELINING")
	add("EXPIRE", expire...)
	if len(delay) > 0 {
		add("LOGIN-DELAY", delay...)
	}
	if s.mayPass() && s.mayPlaintext() {
		add("USER")
	}
	if names := s.config().Mechanisms(); len(names) > 0 {
		add("SASL", names...)
	}
	if s.conn.HasTLS() {
		add("STLS")
	}
	if s.mayPass() {
		add("UTF8", "USER") // RFC 6856 2.2: names and passwords may be UTF-8
	} else {
		add("UTF8")
	}
	add("LANG")
	add("IMPLEMENTATION", "Restante")
	s.write(pop3wire.AppendEnd(b))
	return nil
}

// expire is what EXPIRE says: after how many days mail that this device leaves may go all the same (RFC 2449 6.7). Before the login it is the least
// that there can be, for it depends on the device.
func (s *session) expire(ctx context.Context) ([]string, error) {
	if s.drop == nil {
		return []string{"1", "USER"}, nil
	}
	after, err := s.drop.account.Expires(ctx, s.drop.device)
	if err != nil || after == 0 {
		return []string{"NEVER"}, err
	}
	return []string{strconv.Itoa(retention.Keep(after).Days())}, nil
}

// loginDelay is what LOGIN-DELAY says (RFC 2449 6.5): before the login the longest that there is, and nothing where nobody has to wait.
func (s *session) loginDelay(ctx context.Context) ([]string, error) {
	longest, err := s.srv.opts.Directory.LoginDelay(ctx)
	if err != nil || longest == 0 {
		return nil, err
	}
	if s.drop == nil {
		return []string{seconds(longest), "USER"}, nil
	}
	return []string{seconds(s.drop.device.Policy.LoginDelay)}, nil
}

// seconds writes a time in whole seconds, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// utf8 answers UTF8 (RFC 6856 2.1). See retr for what it changes: nothing.
func (s *session) utf8(context.Context, pop3wire.Command) error {
	s.utf8Mode = true
	s.ok("UTF-8 it is")
	return nil
}

// lang answers LANG (RFC 6856 3). The texts are English.
func (s *session) lang(_ context.Context, c pop3wire.Command) error {
	primary, _, _ := strings.Cut(strings.ToLower(c.Arg), "-")
	switch primary {
	case "":
		s.ok("languages follow")
		s.write(pop3wire.AppendEnd(append(s.conn.Writer().AvailableBuffer(), "en English\r\n"...)))
	case "en", "*":
		s.ok("en English it is")
	default:
		s.err("", "no texts in that language")
	}
	return nil
}
