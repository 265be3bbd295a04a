package store

import (
	"context"
	"fmt"

	"restante/internal/store/keys"
	"restante/internal/store/kv"
)

// collect deletes bodies that nothing refers to.
func (s *Store) collect(ctx context.Context, done *Swept) error {
	now := uint64(s.now().UnixMilli())
	from := keys.CandidateKey(0, 0)
	var errs failures
	for {
		var found [][]byte
		r := kv.Range{Lo: from, Hi: keys.CandidateKey(now+1, 0), Limit: sweepBatch, KeysOnly: true}
		err := s.engine.Scan(ctx, r, func(k, _ []byte) (bool, error) {
			found = append(found, append([]byte(nil), k...))
			return true, nil
		})
		if err != nil {
			return fmt.Errorf("store: collecting: %w", err)
		}
		if len(found) == 0 {
			break
		}
		from = append(found[len(found)-1], 0)
		for _, k := range found {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.collectOne(ctx, k, done); err != nil && !isConflict(err) {
				errs.add(fmt.Errorf("store: collecting: %w", err))
			}
		}
	}
	if done.Octets >= compactAfter {
		r := kv.Prefix([]byte{byte(keys.TableChunk)})
		errs.add(s.engine.Compact(ctx, kv.Span{Lo: r.Lo, Hi: r.Hi}))
	}
	return errs.err()
}

// collectOne looks at one candidate: it dooms the body, so that nobody can refer
// to it any more, looks for references again, and deletes or revives it.
func (s *Store) collectOne(ctx context.Context, candidate []byte, done *Swept) error {
	n, err := keys.Tail64(candidate)
	if err != nil {
		return err
	}
	id, key := BlobID(n), keys.BlobKey(keys.TableBlob, BlobID(n))
	row, state, err := s.blobRow(ctx, id)
	if isNotFound(err) {
		return s.engine.Commit(ctx, &kv.Batch{Delete: [][]byte{candidate}}, kv.Lazy)
	}
	if err != nil {
		return err
	}
	if held, err := s.referenced(ctx, id); err != nil || held {
		return s.keepBody(ctx, candidate, key, row, state, err)
	}
	state.State = keys.BlobDoomed
	doomed := state.Encode()
	b := new(kv.Batch)
	b.RequireValue(key, row)
	b.Put(key, doomed)
	if err := s.engine.Commit(ctx, b, kv.Durable); err != nil {
		return err
	}
	if held, err := s.referenced(ctx, id); err != nil || held {
		return s.keepBody(ctx, candidate, key, doomed, state, err)
	}
	if err := s.deleteBody(ctx, id, candidate, doomed, state); err != nil {
		return err
	}
	done.Bodies++
	done.Octets += state.Size
	return nil
}

// keepBody takes a body that is referred to off the list of candidates.
func (s *Store) keepBody(ctx context.Context, candidate, key, row []byte, state keys.Blob, err error) error {
	if err != nil {
		return err
	}
	b := new(kv.Batch)
	if state.State == keys.BlobDoomed {
		state.State = keys.BlobLive
		b.RequireValue(key, row)
		b.Put(key, state.Encode())
	}
	b.Remove(candidate)
	return s.engine.Commit(ctx, b, kv.Durable)
}

func (s *Store) deleteBody(ctx context.Context, id BlobID, candidate, row []byte, state keys.Blob) error {
	key := keys.BlobKey(keys.TableBlob, id)
	b := new(kv.Batch)
	b.RequireValue(key, row)
	b.Remove(key)
	b.Remove(candidate)
	s.bodies.Delete(b, id)
	if state.Hash != [32]byte{} {
		hk := keys.HashKey(state.Tenant, state.Hash)
		// Another body may have taken the place in the hash table since; if it does
		// so just now, it is only not found by the next one like it.
		if v, err := s.engine.Get(ctx, hk); err == nil && string(v) == string(keys.EncodeID(id)) {
			b.Remove(hk)
		}
	}
	return s.engine.Commit(ctx, b, kv.Durable)
}

func (s *Store) referenced(ctx context.Context, id BlobID) (bool, error) {
	found := false
	r := kv.Prefix(keys.BlobKey(keys.TableReference, id))
	r.Limit, r.KeysOnly = 1, true
	err := s.engine.Scan(ctx, r, func(_, _ []byte) (bool, error) {
		found = true
		return false, nil
	})
	return found, err
}
