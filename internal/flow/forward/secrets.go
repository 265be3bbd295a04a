package forward

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"restante/internal/proto/srs"
	"restante/internal/store"
)

// secretRow is the name of the row with the secrets.
const secretRow = "srs"

const (
	// secretAge is when a new secret takes over.
	secretAge = 90 * 24 * time.Hour
	// secretLife is how long one is accepted: those that it wrote lead back so long.
	secretLife = secretAge + (srs.Days+1)*24*time.Hour
	// secretLength is in octets.
	secretLength = 32
)

// secret is one of the row's, the newest first.
type secret struct {
	Created int64  `json:"created"` // Unix time
	Key     []byte `json:"key"`
}

// secrets are those that were read last.
type secrets struct {
	sync.Mutex
	keys  srs.Keys
	until time.Time // then the newest is too old
}

// keys returns the secrets, and makes a new one when it is time.
func (f *Forwarder) keys(ctx context.Context) (srs.Keys, error) {
	s := &f.secrets
	s.Lock()
	defer s.Unlock()
	now := f.opts.Clock()
	if now.Before(s.until) {
		return s.keys, nil
	}
	list, err := f.renew(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("forward: secrets: %w", err)
	}
	s.keys, s.until = nil, time.Unix(list[0].Created, 0).Add(secretAge)
	for _, one := range list {
		s.keys = append(s.keys, one.Key)
	}
	return s.keys, nil
}

// renew reads the row, and writes it where the newest is too old.
func (f *Forwarder) renew(ctx context.Context, now time.Time) (list []secret, err error) {
	err = f.opts.Store.UpdateRows(ctx, func(tx *store.RowTx) error {
		list = nil
		value, err := tx.Get(store.SendingRows, secretRow)
		if err == nil {
			err = json.Unmarshal(value, &list)
		}
		if err != nil && !errors.Is(err, store.ErrNoRow) {
			return err
		}
		if len(list) > 0 && now.Sub(time.Unix(list[0].Created, 0)) < secretAge {
			return nil
		}
		fresh := secret{Created: now.Unix(), Key: make([]byte, secretLength)}
		_, _ = rand.Read(fresh.Key) // never fails (crypto/rand)
		old := list
		list = []secret{fresh}
		for _, one := range old {
			if now.Sub(time.Unix(one.Created, 0)) < secretLife {
				list = append(list, one)
			}
		}
		if value, err = json.Marshal(list); err != nil {
			return err
		}
		return tx.Put(store.SendingRows, secretRow, value)
	})
	return list, err
}
