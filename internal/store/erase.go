package store

import (
	"context"
	"fmt"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// EraseAccount removes an account with all that belongs to it, at once and for
// good; bodies that nobody else refers to are collected. It can be repeated
// after a crash. Sessions that still hold the account can no longer write.
func (s *Store) EraseAccount(ctx context.Context, id AccountID) error {
	h, err := s.Account(ctx, id)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := s.forgetVisitors(ctx, h); err != nil {
		return fmt.Errorf("store: erasing account %d: %w", id, err)
	}
	h.writer.Lock()
	defer h.writer.Unlock()
	if err := s.unshare(ctx, h.View()); err != nil {
		return fmt.Errorf("store: erasing account %d: %w", id, err)
	}
	for {
		more, err := s.dropReferences(ctx, id)
		if err != nil {
			return fmt.Errorf("store: erasing account %d: %w", id, err)
		}
		if !more {
			break
		}
	}
	b := new(kv.Batch)
	for _, t := range keys.AccountTables() {
		if t != keys.TableAccount {
			r := kv.Prefix(keys.OfAccount(t, id))
			b.RemoveSpan(kv.Span{Lo: r.Lo, Hi: r.Hi})
		}
	}
	key := keys.OfAccount(keys.TableAccount, id)
	b.RequireValue(key, h.rowBytes)
	b.Remove(key)
	if err := s.engine.Commit(ctx, b, kv.Durable); err != nil {
		return fmt.Errorf("store: erasing account %d: %w", id, err)
	}
	s.forget(h.account)
	if s.opts.Used != nil {
		s.opts.Used(id, 0, 0)
	}
	s.opts.Bus.Publish(uint32(id), uint64(h.View().ModSeq())) // who follows the account looks, and finds it gone
	return nil
}

// dropReferences removes some of an account's messages and makes their bodies
// candidates.
func (s *Store) dropReferences(ctx context.Context, id AccountID) (more bool, err error) {
	b := new(kv.Batch)
	now := uint64(s.now().UnixMilli())
	r := kv.Prefix(keys.OfAccount(keys.TableMessage, id))
	r.Limit = sweepBatch
	err = s.engine.Scan(ctx, r, func(k, v []byte) (bool, error) {
		msg, err := keys.Tail64(k)
		if err != nil {
			return false, err
		}
		m, err := keys.DecodeMessage(v, 0)
		if err != nil {
			return false, err
		}
		b.Remove(append([]byte(nil), k...))
		b.Remove(keys.ReferenceKey(m.Blob, keys.RefMessage, id, msg))
		b.Put(keys.CandidateKey(now, m.Blob), []byte{})
		return true, nil
	})
	if err != nil || len(b.Set) == 0 {
		return false, err
	}
	return true, s.engine.Commit(ctx, b, kv.Durable)
}
