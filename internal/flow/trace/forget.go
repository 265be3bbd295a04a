package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"restante/internal/store"
)

// erased stands where an account's address was.
const erased = "(erased)"

// Forget takes an account out of all lives, with its address wherever that stands: what happened to others' mail stays. It can be repeated.
func (r *Recorder) Forget(ctx context.Context, id store.AccountID, login string) error {
	if r == nil {
		return nil
	}
	r.Flush(ctx)
	t := addressToken(login)
	f := finder{store: r.opts.Store}
	for _, h := range r.hours(time.Time{}, time.Time{}) {
		ids, err := f.indexed(ctx, h, []token{t})
		if err != nil {
			return fmt.Errorf("trace: forgetting account %d: %w", id, err)
		}
		for _, life := range ids {
			if err := forgetIn(ctx, r.opts.Store, life, id, login); err != nil {
				return fmt.Errorf("trace: forgetting account %d: %w", id, err)
			}
		}
		if len(ids) == 0 {
			continue
		}
		if err := r.opts.Store.DropRows(ctx, store.TraceRows, tokenName(h, t), after(tokenName(h, t))); err != nil {
			return fmt.Errorf("trace: forgetting account %d: %w", id, err)
		}
	}
	return nil
}

// forgetIn rewrites the rows of one life.
func forgetIn(ctx context.Context, s *store.Store, life store.QueueID, id store.AccountID, login string) error {
	var rows []store.Row
	err := s.RowsFrom(ctx, store.TraceRows, lifeName(life), after(lifeName(life)), 0, func(name string, value []byte) error {
		e, err := parseEvent(name, value)
		if err != nil {
			return nil
		}
		e.Time = time.Time{} // it is in the name
		e.forget(id)
		b, err := json.Marshal(&e)
		if err != nil {
			return err
		}
		if b = replaceFold(b, login); !bytes.Equal(b, value) {
			rows = append(rows, store.Row{Name: name, Value: b})
		}
		return nil
	})
	if err != nil || len(rows) == 0 {
		return err
	}
	return s.AppendRows(ctx, store.TraceRows, rows...)
}

// forget takes out what is known by the account's number.
func (e *Event) forget(id store.AccountID) {
	for i := range e.Copies {
		if e.Copies[i].Account == id {
			e.Copies[i] = Copy{Sent: e.Copies[i].Sent}
		}
	}
	if c := e.Client; c != nil && c.Account == id {
		e.Client = &Client{Login: erased, With: c.With, TLS: c.TLS, Cipher: c.Cipher} // from where somebody sent is about him, too
	}
}

// replaceFold puts a word in the place of an address in JSON, wherever it stands: also in what other hosts have said.
func replaceFold(b []byte, login string) []byte {
	quoted, err := json.Marshal(login)
	if err != nil || len(login) == 0 {
		return b
	}
	word := strings.ToLower(string(quoted[1 : len(quoted)-1]))
	text := string(b)
	lower := strings.ToLower(text)
	if len(lower) != len(text) {
		text = lower // letters whose small form has another length: the case of the rest is worth less
	}
	var out bytes.Buffer
	for {
		i := strings.Index(lower, word)
		if i < 0 {
			out.WriteString(text)
			return out.Bytes()
		}
		out.WriteString(text[:i])
		out.WriteString(erased)
		text, lower = text[i+len(word):], lower[i+len(word):]
	}
}
