package trace

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"restante/internal/store"
)

// hour numbers the hours since 1970.
type hour uint32

// idTime is where the time in a queue id begins: see store.NewQueueID.
const idTime = 20

func timeOf(id store.QueueID) time.Time { return time.UnixMilli(int64(id >> idTime)) }

func hourOf(id store.QueueID) hour { return hour(int64(id>>idTime) / time.Hour.Milliseconds()) }

func hourAt(t time.Time) hour { return hour(max(t.UnixMilli(), 0) / time.Hour.Milliseconds()) }

// first is the least id that a message of an hour can have.
func (h hour) first() store.QueueID {
	return store.QueueID(uint64(h)*uint64(time.Hour.Milliseconds())) << idTime
}

func lifeName(id store.QueueID) string {
	return string(binary.BigEndian.AppendUint64([]byte{'e'}, ^uint64(id)))
}

func eventName(e *Event, n int) string {
	b := binary.BigEndian.AppendUint64([]byte{'e'}, ^uint64(e.Queue))
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.UnixMicro()))
	return string(binary.BigEndian.AppendUint16(b, uint16(n)))
}

var errName = errors.New("trace: no such name of a row")

func parseEvent(name string, value []byte) (e Event, err error) {
	if len(name) != 19 || name[0] != 'e' {
		return e, errName
	}
	if err := json.Unmarshal(value, &e); err != nil {
		return e, fmt.Errorf("trace: %w", err)
	}
	e.Queue = queueOf(name)
	e.Time = time.UnixMicro(int64(binary.BigEndian.Uint64([]byte(name[9:]))))
	return e, nil
}

// queueOf is the life that a row of an event belongs to.
func queueOf(name string) store.QueueID {
	return store.QueueID(^binary.BigEndian.Uint64([]byte(name[1:9])))
}

// token is something that lives are looked for by.
type token struct {
	kind byte // a: address, d: domain, m: Message-ID
	text string
}

func addressToken(a string) token { return token{'a', strings.ToLower(a)} }

func domainToken(d string) token { return token{'d', strings.ToLower(strings.TrimSuffix(d, "."))} }

func messageToken(id string) token { return token{'m', strings.ToLower(id)} }

// hash is FNV-1a. Two tokens may have the same: a life that is found by it is looked at before it is shown.
func (t token) hash() uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := (offset ^ uint64(t.kind)) * prime
	for i := range len(t.text) {
		h = (h ^ uint64(t.text[i])) * prime
	}
	return h
}

// appendToken appends what the names of a token's rows begin with. An address begins with its domain, so that one row serves both.
func appendToken(b []byte, h hour, t token) []byte {
	b = binary.BigEndian.AppendUint32(append(b, 't'), ^uint32(h))
	if t.kind != 'a' {
		return binary.BigEndian.AppendUint64(b, t.hash())
	}
	b = binary.BigEndian.AppendUint64(b, token{'d', t.text[strings.LastIndexByte(t.text, '@')+1:]}.hash())
	return binary.BigEndian.AppendUint32(b, uint32(t.hash()))
}

func tokenPrefix(h hour) string {
	return string(binary.BigEndian.AppendUint32([]byte{'t'}, ^uint32(h)))
}

func tokenName(h hour, t token) string { return string(appendToken(nil, h, t)) }

func indexName(t token, id store.QueueID) string {
	b := appendToken(make([]byte, 0, 25), hourOf(id), t)
	return string(binary.BigEndian.AppendUint64(b, ^uint64(id)))
}

// indexed is the life that a row of the index leads to.
func indexed(name string) (id store.QueueID, ok bool) {
	if len(name) < 21 || name[0] != 't' {
		return 0, false
	}
	return store.QueueID(^binary.BigEndian.Uint64([]byte(name[len(name)-8:]))), true
}

func sumName(h hour) string { return string(binary.BigEndian.AppendUint32([]byte{'s'}, ^uint32(h))) }

// after is the name that comes after all that begin with a prefix; the last octet is never 255 in the prefixes here, or what is left out is nothing.
func after(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i]++; b[i] != 0 {
			return string(b[:i+1])
		}
	}
	return ""
}

// tokens calls fn for what an event can be found by.
func (e *Event) tokens(fn func(token)) {
	if e.MessageID != "" {
		fn(messageToken(e.MessageID))
	}
	address := func(a string) {
		if a == "" {
			return
		}
		fn(addressToken(a))
		if i := strings.LastIndexByte(a, '@'); i >= 0 {
			fn(domainToken(a[i+1:]))
		}
	}
	account := func(id store.AccountID, login string) {
		if id != 0 {
			address(login)
		}
	}
	address(e.From)
	for i := range e.To {
		address(e.To[i].Address)
	}
	for i := range e.Refusals {
		address(e.Refusals[i].To)
	}
	for i := range e.Onward {
		for k := range e.Onward[i].To {
			address(e.Onward[i].To[k].Address)
		}
	}
	for i := range e.Copies {
		account(e.Copies[i].Account, e.Copies[i].Login)
	}
	if e.Client != nil {
		account(e.Client.Account, e.Client.Login)
	}
}

// sums are what the lives of an hour take.
type sums struct{ events, octets uint64 }

func (s sums) value() []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, s.events), s.octets)
}

func parseSums(name string, value []byte) (h hour, s sums, err error) {
	if len(name) != 5 || name[0] != 's' {
		return 0, s, errName
	}
	n, at := binary.Uvarint(value)
	if at <= 0 {
		return 0, s, errName
	}
	o, end := binary.Uvarint(value[at:])
	if end <= 0 {
		return 0, s, errName
	}
	return hour(^binary.BigEndian.Uint32([]byte(name[1:]))), sums{n, o}, nil
}
