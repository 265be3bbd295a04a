package milter

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"restante/internal/flow"
	"restante/internal/proto/milterwire"
	"restante/internal/proto/smtpwire"
)

// What a filter says that ends its part.
var (
	errAccepted  = errors.New("milter: accepted")
	errDiscarded = errors.New("milter: discarded")
)

// actions are what filters are offered: see the package comment.
const actions = milterwire.MayAddHeaders | milterwire.MayQuarantine

// Bounds of what one filter may want of one message.
const (
	maxWishes = 200
	maxAdded  = 6 << 10 // octets of fields, of all filters; what stands before a message is 16 KiB at most
)

// conversation is what is said to one filter about one message. It belongs to one goroutine.
type conversation struct {
	filter *Filter
	log    *slog.Logger
	conn   net.Conn // nil: it is over
	r      *bufio.Reader
	steps  milterwire.Steps // what the filter does not want to hear, or to answer
	skip   bool             // it has heard enough of the body
	id     string           // of the message
	out    []byte           // to be sent; room for packets
}

// open connects and comes to terms.
func (v *conversation) open(ctx context.Context) error {
	d := net.Dialer{Timeout: v.filter.Connect}
	conn, err := d.DialContext(ctx, v.filter.Network, v.filter.Address)
	if err != nil {
		return err
	}
	v.conn, v.r = conn, bufio.NewReader(conn)
	v.out = milterwire.Offer{Version: milterwire.Version, Actions: actions, Steps: milterwire.AllSteps}.Append(v.out)
	end := v.allow(ctx, v.filter.Command)
	defer end()
	if err := v.flush(); err != nil {
		return err
	}
	code, data, err := milterwire.Read(v.r)
	if err != nil {
		return err
	}
	if code != milterwire.Negotiate {
		return fmt.Errorf("%w: %q instead of terms", milterwire.ErrProtocol, code)
	}
	got, err := milterwire.ParseOffer(data)
	switch {
	case err != nil:
		return err
	case got.Version < 2 || got.Version > milterwire.Version:
		return fmt.Errorf("%w: version %d", milterwire.ErrProtocol, got.Version)
	case got.Actions&^actions != 0:
		v.log.Debug("filter wants more than it may", "actions", fmt.Sprintf("%#x", uint32(got.Actions)))
	}
	v.steps = got.Steps
	return nil
}

// close ends the conversation, wherever it is.
func (v *conversation) close() {
	if v.conn == nil {
		return
	}
	// It may be in the middle of a packet, or not listen: nobody waits for it.
	if v.conn.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = v.conn.Write(milterwire.Append(nil, milterwire.Quit))
	}
	v.conn.Close()
	v.conn = nil
}

// allow bounds what is done until the function that it returns is called.
func (v *conversation) allow(ctx context.Context, d time.Duration) (end func()) {
	conn := v.conn
	_ = conn.SetDeadline(time.Now().Add(d)) // an error comes up when it is used
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

func (v *conversation) flush() error {
	_, err := v.conn.Write(v.out)
	v.out = v.out[:0]
	return err
}

// say sends a packet, unless the filter does not want it, and hears the answer, unless it gives none. What came before it and has not been sent goes first.
func (v *conversation) say(ctx context.Context, not, mute milterwire.Steps, c milterwire.Code, parts ...[]byte) error {
	if v.steps&not != 0 {
		v.out = v.out[:0] // macros of what it does not want
		return nil
	}
	v.out = milterwire.Append(v.out, c, parts...)
	end := v.allow(ctx, v.filter.Command)
	defer end()
	if err := v.flush(); err != nil || v.steps&mute != 0 {
		return err
	}
	return v.hear()
}

// hear reads an answer to a step, within the time that is allowed: putting it off does not make that longer.
func (v *conversation) hear() error {
	for {
		code, data, err := milterwire.Read(v.r)
		if err != nil {
			return err
		}
		if code == milterwire.Progress {
			continue
		}
		return v.answer(code, data)
	}
}

// answer is what an answer means.
func (v *conversation) answer(code milterwire.Code, data []byte) error {
	switch code {
	case milterwire.Continue:
		return nil
	case milterwire.Skip:
		v.skip = true
		return nil
	case milterwire.Accept:
		return errAccepted
	case milterwire.Discard:
		return errDiscarded
	case milterwire.Reject:
		return smtpwire.Reply{Code: 550, Enhanced: smtpwire.Enhanced{Class: 5, Subject: 7, Detail: 1}, Text: "refused by a filter"}
	case milterwire.TempFail:
		return smtpwire.Reply{Code: 451, Enhanced: smtpwire.Enhanced{Class: 4, Subject: 7, Detail: 1}, Text: "a filter says: try again later"}
	case milterwire.ReplyCode:
		reply, err := milterwire.ParseReply(data)
		if err != nil {
			return err
		}
		if reply.Code == 421 { // it would end the session, which goes on
			reply.Code = 451
		}
		if reply.Enhanced.IsZero() { // RFC 2034 4: every reply has one
			reply.Enhanced = smtpwire.Enhanced{Class: uint16(reply.Code / 100), Subject: 7, Detail: 1}
		}
		return reply
	case milterwire.ConnFail, milterwire.Shutdown:
		return errors.New("the filter goes down")
	}
	return fmt.Errorf("%w: answer %q", milterwire.ErrProtocol, code)
}

// macros says what the filter may want to know before a step, as pairs of a name and a value; empty values are left out.
func (v *conversation) macros(c milterwire.Code, pairs ...string) {
	parts := [][]byte{{byte(c)}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			parts = append(parts, milterwire.Text(pairs[i]), milterwire.Text(pairs[i+1]))
		}
	}
	v.out = milterwire.Append(v.out, milterwire.Macros, parts...)
}

// greet says who is there, and who sends.
func (v *conversation) greet(ctx context.Context, host string, s *flow.Session, m *smtpwire.Mail) error {
	name := s.Name
	if name == "" {
		name = "unknown"
		if s.Peer.IsValid() {
			name = "[" + s.Peer.Unmap().String() + "]" // as Postfix and Sendmail say it
		}
	}
	v.macros(milterwire.Connect, "j", host, "{daemon_name}", host, "v", "Restante", "_", name)
	where := []byte{'U'}
	if peer := s.Peer.Unmap(); peer.IsValid() {
		family := byte('4')
		if peer.Is6() {
			family = '6'
		}
		where = append(binary.BigEndian.AppendUint16([]byte{family}, 0), milterwire.Text(peer.WithZone("").String())...) // nobody has asked for the port
	}
	if err := v.say(ctx, milterwire.NoConnect, milterwire.MuteConnect, milterwire.Connect, milterwire.Text(name), where); err != nil {
		return err
	}
	v.macros(milterwire.Helo, "{tls_version}", strings.ReplaceAll(s.TLSVersion, " ", "v"), "{cipher}", s.Cipher)
	if err := v.say(ctx, milterwire.NoHelo, milterwire.MuteHelo, milterwire.Helo, milterwire.Text(s.Hello)); err != nil {
		return err
	}
	v.macros(milterwire.Mail, "{mail_addr}", m.From.String(), "{auth_authen}", s.Identity.Login)
	words := [][]byte{milterwire.Text(m.From.Path())}
	for w := range strings.FieldsSeq(strings.TrimPrefix(string(m.AppendTo(nil, parameters)), "MAIL FROM:"+m.From.Path())) {
		words = append(words, milterwire.Text(w))
	}
	return v.say(ctx, milterwire.NoMail, milterwire.MuteMail, milterwire.Mail, words...)
}

// parameters are the extensions whose parameters filters are told of.
const parameters = smtpwire.Size | smtpwire.EightBitMIME | smtpwire.BinaryMIME | smtpwire.SMTPUTF8

func (v *conversation) recipient(ctx context.Context, r smtpwire.Rcpt) error {
	v.macros(milterwire.Rcpt, "{rcpt_addr}", r.To.String())
	return v.say(ctx, milterwire.NoRcpt, milterwire.MuteRcpt, milterwire.Rcpt, milterwire.Text(r.To.Path()))
}

func (v *conversation) data(ctx context.Context, id string) error {
	v.id = id
	v.macros(milterwire.Data, "i", id)
	return v.say(ctx, milterwire.NoData, milterwire.MuteData, milterwire.Data)
}

func (v *conversation) header(ctx context.Context, f field) error {
	value := f.value
	if v.steps&milterwire.LeadingSpace == 0 && value != "" && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	return v.say(ctx, milterwire.NoHeaders, milterwire.MuteHeader, milterwire.Header, milterwire.Text(f.name), milterwire.Text(value))
}

func (v *conversation) endOfHeader(ctx context.Context) error {
	return v.say(ctx, milterwire.NoEndOfHeader, milterwire.MuteEnd, milterwire.EndOfHeader)
}

func (v *conversation) body(ctx context.Context, p []byte) error {
	for len(p) > 0 && !v.skip {
		chunk := p[:min(len(p), milterwire.MaxData)]
		p = p[len(chunk):]
		if err := v.say(ctx, milterwire.NoBody, milterwire.MuteBody, milterwire.Body, chunk); err != nil {
			return err
		}
	}
	return nil
}

// end ends the message, and gathers what the filter wants.
func (v *conversation) end(ctx context.Context, out *flow.Filtered) error {
	v.macros(milterwire.End, "i", v.id)
	v.out = milterwire.Append(v.out, milterwire.End)
	release := v.allow(ctx, v.filter.Message)
	defer release()
	if err := v.flush(); err != nil {
		return err
	}
	wishes := *out // nothing of them is done unless the filter comes to an end
	for range maxWishes {
		code, data, err := milterwire.Read(v.r)
		if err != nil {
			return err
		}
		switch code {
		case milterwire.Progress:
		case milterwire.AddHeader, milterwire.InsHeader:
			f, err := milterwire.ParseField(data, code == milterwire.InsHeader)
			if err != nil {
				return err
			}
			v.add(f, &wishes)
		case milterwire.Quarantine:
			if wishes.Quarantine == "" {
				wishes.Quarantine = v.filter.Address + ": " + reason(data)
			}
		case milterwire.ChgHeader, milterwire.ReplBody, milterwire.AddRcpt, milterwire.AddRcptPar, milterwire.DelRcpt, milterwire.ChgFrom:
			v.log.Warn("filter wants what it may not do", "action", string(code))
		default:
			err := v.answer(code, data)
			if err == nil || errors.Is(err, errAccepted) {
				*out = wishes
			}
			return err
		}
	}
	return fmt.Errorf("%w: no end of what it wants", milterwire.ErrProtocol)
}

// add adds a field before those that are there, as a server adds its trace.
func (v *conversation) add(f milterwire.Field, out *flow.Filtered) {
	b := f.AppendTo(nil, v.steps&milterwire.LeadingSpace != 0)
	if len(out.Fields)+len(b) > maxAdded {
		v.log.Warn("filter wants to add more than it may", "field", f.Name)
		return
	}
	out.Fields = append(out.Fields, b...)
}

// reason is why a message is kept apart, in one line.
func reason(data []byte) string {
	out := make([]byte, 0, 100)
	for _, c := range data[:min(len(data), cap(out))] {
		if c == 0 {
			break
		}
		if c < ' ' || c >= 0x7f {
			c = '?'
		}
		out = append(out, c)
	}
	return string(out)
}
