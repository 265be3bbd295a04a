package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"unicode/utf8"

	"restante/internal/proto/addr"
	"restante/internal/proto/mime"
	"restante/internal/store/keys"
)

// What an account's storage report is made of is kept as mail comes and goes: the size and the sender of each message that counts in the
// quota, 64 messages to a row. An operation reads and writes each row once, however many of its messages it touches.

// SenderID stands for a sender's address.
type SenderID = keys.SenderID

// maxSender bounds an address that is counted, in octets: RFC 5321 4.5.3.1 has 64 for the local part and 255 for the domain.
const maxSender = 320

// SenderOf is the address that a message says it is from, as it is counted: the first of From, without regard to case; empty when there
// is none.
func SenderOf(e *mime.Envelope) string {
	if e == nil {
		return ""
	}
	for i := range e.From {
		from := &e.From[i]
		if from.Host == "" { // where a group begins or ends
			continue
		}
		host := addr.Fold(from.Host)
		if d, err := addr.ParseDomain(from.Host); err == nil {
			host = string(d)
		}
		return cut(addr.Fold(from.Mailbox)+"@"+host, maxSender)
	}
	return ""
}

// cut shortens s to n octets at most, at the end of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// SenderHash is a sender's id under the store's secret: nobody outside can make two addresses that share one.
func SenderHash(secret []byte, address string) SenderID {
	mac := hmac.New(sha256.New, derive(secret, "sender", 0))
	mac.Write([]byte(address))
	return SenderID(binary.BigEndian.Uint64(mac.Sum(nil)))
}

// senderIn is the sender of a message by its record: what the record has no room for does not count, or a recount would find something
// else.
func (s *Store) senderIn(record []byte) (SenderID, error) {
	m, err := keys.DecodeMessage(record, keys.WantEnvelope)
	if err != nil {
		return 0, corrupt("message record", err)
	}
	return SenderHash(s.secret[:], SenderOf(m.Envelope)), nil
}

// senderOf is the sender of a message that is there.
func (tx *Tx) senderOf(msg MessageID) (from SenderID, err error) {
	record, err := tx.get(keys.OfMessage(keys.TableMessage, tx.a.id, msg))
	if err != nil {
		return from, corrupt("message record", err)
	}
	return tx.a.store.senderIn(record)
}

// charge counts a message in the quota.
func (tx *Tx) charge(msg MessageID, size uint64, from SenderID) error {
	p, err := tx.sizesPage(msg)
	if err != nil {
		return err
	}
	p.Put(msg, keys.Sized{Size: size, Sender: from})
	tx.state.row.Messages++
	tx.state.row.Used += size
	return nil
}

// discharge counts a message in the quota no more. One that an earlier version of the program has counted may have no size here.
func (tx *Tx) discharge(msg MessageID, size uint64) error {
	p, err := tx.sizesPage(msg)
	if err != nil {
		return err
	}
	p.Take(msg)
	tx.state.row.Messages--
	tx.state.row.Used -= size
	return nil
}

func (tx *Tx) sizesPage(msg MessageID) (*keys.SizesPage, error) {
	n := uint64(msg) >> keys.TakenBits
	if p := tx.sizes[n]; p != nil {
		return p, nil
	}
	if tx.sizes == nil {
		tx.sizes = make(map[uint64]*keys.SizesPage)
	}
	p := &keys.SizesPage{Sizes: make([]keys.Sized, 0, 1<<keys.TakenBits)}
	v, err := tx.get(keys.SizesKey(tx.a.id, n))
	if err == nil {
		err = p.Decode(v)
		if err != nil {
			err = corrupt("sizes of messages", err)
		}
	}
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	tx.sizes[n] = p
	return p, nil
}

// finishSizes writes the pages that have changed.
func (tx *Tx) finishSizes() {
	for n, p := range tx.sizes {
		if key := keys.SizesKey(tx.a.id, n); p.Present == 0 {
			tx.remove(key)
		} else {
			tx.put(key, p.Encode())
		}
	}
}
