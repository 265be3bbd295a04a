package dns

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

const (
	// maxUDP is the largest answer that UDP is asked for: what passes everywhere without fragments.
	maxUDP = 1232
	// rounds is how often each server is asked where none answers.
	rounds = 2
	// maxForeign is how many answers to something else come by UDP before TCP is taken: somebody may be guessing.
	maxForeign = 3
)

// ask asks one server after the other until one knows. Those that are silent are asked once more, and the one that was not comes first
// from then on.
func (c *Client) ask(ctx context.Context, q question) reply {
	ctx, cancel := context.WithTimeout(ctx, c.total)
	defer cancel()
	first := int(c.first.Load())
	var last error // not ErrTemporary alone: it says why
	answered := make([]bool, len(c.servers))
	for range rounds {
		for i := range c.servers {
			i = (first + i) % len(c.servers)
			if answered[i] || ctx.Err() != nil {
				continue
			}
			s := c.servers[i]
			r, err := c.try(ctx, s, q)
			if err != nil {
				if last == nil { // What a server says tells more.
					last = fmt.Errorf("%w: %s: %v", ErrTemporary, s.addr, err)
				}
				continue
			}
			if i != first {
				c.first.Store(int32(i))
			}
			r.answer.Authentic = r.answer.Authentic && s.believed
			if r.err == nil || Absent(r.err) || errors.Is(r.err, ErrBogus) {
				return r
			}
			last, answered[i] = r.err, true
		}
	}
	if last == nil {
		last = fmt.Errorf("%w: %v", ErrTemporary, ctx.Err())
	}
	return reply{err: last}
}

// try asks one server: by UDP, by TCP where that is not enough, and without EDNS where it does not know that.
func (c *Client) try(ctx context.Context, s server, q question) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.attempt)
	defer cancel()
	var r reply
	for _, edns := range []bool{true, false} {
		var err error
		r, err = exchange(ctx, "udp", s.addr, q, edns)
		if errors.Is(err, errTruncated) || errors.Is(err, errForeign) {
			r, err = exchange(ctx, "tcp", s.addr, q, edns)
		}
		if err != nil {
			return reply{}, err
		}
		if !r.again {
			break
		}
	}
	return r, nil
}

// exchange sends a question from a port and under an id that nobody can guess (RFC 5452 9.2), and waits for its answer.
func exchange(ctx context.Context, network string, server netip.AddrPort, q question, edns bool) (reply, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, server.String())
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	var random [2]byte
	rand.Read(random[:]) // never fails
	id := binary.BigEndian.Uint16(random[:])
	ask, err := q.message(id, edns)
	if err != nil {
		return reply{}, err
	}
	r, err := converse(conn, network, ask, func(raw []byte) (reply, error) { return q.read(raw, id) })
	if ctx.Err() != nil && err != nil {
		err = ctx.Err()
	}
	return r, err
}

// converse writes a question and reads what comes until read takes it.
func converse(conn net.Conn, network string, ask []byte, read func([]byte) (reply, error)) (reply, error) {
	if network == "tcp" {
		ask = append(binary.BigEndian.AppendUint16(nil, uint16(len(ask))), ask...)
		if _, err := conn.Write(ask); err != nil {
			return reply{}, err
		}
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return reply{}, err
		}
		raw := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, raw); err != nil {
			return reply{}, err
		}
		return read(raw)
	}
	if _, err := conn.Write(ask); err != nil {
		return reply{}, err
	}
	raw := make([]byte, 4096) // Some servers send more than was asked for.
	for range maxForeign {
		n, err := conn.Read(raw)
		if err != nil {
			return reply{}, err
		}
		if r, err := read(raw[:n]); !errors.Is(err, errForeign) {
			return r, err
		}
	}
	return reply{}, errForeign
}
