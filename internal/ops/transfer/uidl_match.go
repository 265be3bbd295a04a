package transfer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"restante/internal/proto/imapwire"
	"restante/internal/proto/pop3wire"
)

// A server that has a maildrop for POP3 and the same messages in INBOX for IMAP does not say which are the same. Most servers list them in
// the same order, with the same sizes; where they do not, the header tells.

// uidls says how the UIDL of a message of a mailbox is found by its UID.
func (b *imapBox) uidls(ctx context.Context, list []remote) (func(uint32) string, error) {
	o := b.im.o
	none := func(uint32) string { return "" }
	switch {
	case b.path != inbox || o.UIDL == "-" || o.DryRun || len(list) == 0:
		return none, nil
	case o.Server.UIDLFrom != "":
		found, err := b.match(ctx, list)
		return func(uid uint32) string { return found[uid] }, err
	case o.UIDL == "" && !b.dovecot:
		return none, nil
	}
	return func(uid uint32) string {
		uidl, err := expandUIDL(o.uidlFormat(), uidlFields{uid: uid, validity: b.validity})
		if err != nil {
			return ""
		}
		return uidl
	}, nil
}

// match finds the UIDLs of messages at the POP3 door of their server.
func (b *imapBox) match(ctx context.Context, list []remote) (map[uint32]string, error) {
	s, err := parseServer(b.im.o.Server.UIDLFrom)
	if err == nil && s.format != POP3 {
		err = ErrURL
	}
	if err != nil {
		return nil, fmt.Errorf("where UIDLs come from: %w", err)
	}
	p := &popSource{im: b.im, server: s}
	defer p.close()
	c, err := p.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	if len(p.drop) > 0 && p.drop[0].uidl == "" {
		return nil, b.im.note("%s has no UIDL", s)
	}
	found, err := b.matchOrder(ctx, list, c, p.drop)
	if err == nil && found == nil {
		found, err = b.matchHeaders(ctx, list, c, p.drop)
	}
	if err != nil {
		return nil, fmt.Errorf("matching UIDLs: %w", err)
	}
	if n := len(p.drop) - len(found); n > 0 {
		err = b.im.note("%d of %d messages that %s has were not found in INBOX: POP3 programs will not know them", n, len(p.drop), s)
	}
	return found, err
}

// samples is how many headers are compared where order and sizes agree: messages of one size may stand in another order.
const samples = 16

// matchOrder matches by order, nil if that cannot be right.
func (b *imapBox) matchOrder(ctx context.Context, list []remote, c *popConn, drop []letterAt) (map[uint32]string, error) {
	if len(list) != len(drop) {
		return nil, nil
	}
	found := make(map[uint32]string, len(list))
	for i, m := range list {
		if uint64(m.size) != drop[i].size {
			return nil, nil
		}
		found[m.uid] = drop[i].uidl
	}
	var some []remote
	var same []letterAt
	for n := range min(samples, len(list)) {
		i := n * (len(list) - 1) / max(min(samples, len(list))-1, 1)
		some, same = append(some, list[i]), append(same, drop[i])
	}
	if len(list) <= samples {
		some, same = list, drop
	}
	there, err := c.headers(same)
	if err != nil {
		return nil, err
	}
	here, err := b.headers(ctx, some)
	if err != nil {
		return nil, err
	}
	for i, m := range some {
		if here[m.uid] != there[i] {
			return nil, nil
		}
	}
	return found, nil
}

// matchHeaders matches by headers. Of messages with the same one the first is the first.
func (b *imapBox) matchHeaders(ctx context.Context, list []remote, c *popConn, drop []letterAt) (map[uint32]string, error) {
	there, err := c.headers(drop)
	if err != nil {
		return nil, err
	}
	byHeader := make(map[headerHash][]string, len(drop))
	for i, h := range there {
		if h != (headerHash{}) {
			byHeader[h] = append(byHeader[h], drop[i].uidl)
		}
	}
	here, err := b.headers(ctx, list)
	if err != nil {
		return nil, err
	}
	found := make(map[uint32]string)
	for _, m := range list {
		if uidls := byHeader[here[m.uid]]; len(uidls) > 0 {
			found[m.uid], byHeader[here[m.uid]] = uidls[0], uidls[1:]
		}
	}
	return found, nil
}

// headerHash is what two headers of one message have in common; zero for none.
type headerHash [16]byte

func hashHeader(r io.Reader) (h headerHash, err error) {
	sum := sha256.New()
	in := bufio.NewReader(r)
	for inLine := false; ; {
		part, err := in.ReadSlice('\n')
		if !inLine && len(bytes.TrimRight(part, "\r\n")) == 0 { // the end of the header, or of what there is
			break
		}
		inLine = err == bufio.ErrBufferFull
		sum.Write(bytes.TrimRight(part, "\r\n"))
		if !inLine {
			sum.Write([]byte{'\n'})
		}
		if err == io.EOF {
			break
		}
		if err != nil && !inLine {
			return h, err
		}
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return h, err
	}
	copy(h[:], sum.Sum(nil))
	return h, nil
}

// headers are those of messages of a maildrop, by TOP (RFC 1939 7).
func (c *popConn) headers(list []letterAt) ([]headerHash, error) {
	_, pipelining := c.caps["PIPELINING"]
	out := make([]headerHash, len(list))
	asked := 0
	for i := range list {
		var ask []byte
		for asked < len(list) && (asked <= i || pipelining && asked < i+fetchMessages/4) {
			ask = fmt.Appendf(ask, "TOP %d 0\r\n", list[asked].number)
			asked++
		}
		if len(ask) > 0 {
			if err := c.say(ask); err != nil {
				return nil, err
			}
		}
		_, err := c.ok()
		var no *refusal
		if errors.As(err, &no) {
			continue
		}
		if err != nil {
			return nil, err
		}
		c.begin(maxHeader)
		if out[i], err = hashHeader(io.LimitReader(&pop3wire.DotReader{R: c.r}, maxHeader)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// maxHeader bounds a header, as maxResponse does.
const maxHeader = maxResponse

// headers are those of messages of a mailbox, by UID.
func (b *imapBox) headers(ctx context.Context, list []remote) (map[uint32]headerHash, error) {
	out := make(map[uint32]headerHash, len(list))
	err := b.try(ctx, func(c *imapConn) error {
		if _, err := c.examine(b); err != nil {
			return err
		}
		for rest := list; len(rest) > 0; {
			n := min(len(rest), fetchMessages)
			err := c.do("UID FETCH "+sequence(rest[:n])+" (UID BODY.PEEK[HEADER])", func(r *imapwire.Response) error {
				if r.Name != "FETCH" || len(r.Values) != 1 {
					return nil
				}
				text, ok := r.Values[0].Item("BODY[HEADER]")
				if uid := number(r.Values[0], "UID"); ok && uid != 0 && len(out) <= len(list) {
					out[uid], _ = hashHeader(strings.NewReader(text.Text))
				}
				return nil
			})
			if err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	})
	return out, err
}
