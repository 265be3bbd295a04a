package oauth

import (
	"crypto/hmac"
	"crypto/sha256"
	"sync"
	"time"
)

// memory remembers what became of tokens, for a while. It is bounded: when it is full it forgets everything.
type memory struct {
	secret []byte
	mu     struct {
		sync.Mutex
		answers map[tokenKey]answer
	}
}

// tokenKey stands for a token without giving it away.
type tokenKey [sha256.Size]byte

// answer is an outcome that is good until then.
type answer struct {
	login string
	err   error
	until time.Time
}

// maxAnswers bounds a memory; an answer takes some 200 octets.
const maxAnswers = 10_000

func newMemory(secret string) *memory {
	m := &memory{secret: []byte(secret)}
	m.mu.answers = make(map[tokenKey]answer)
	return m
}

func (m *memory) key(token string) tokenKey {
	h := hmac.New(sha256.New, m.secret)
	h.Write([]byte(token))
	return tokenKey(h.Sum(nil))
}

func (m *memory) get(k tokenKey, now time.Time) (answer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.mu.answers[k]
	if ok && !now.Before(a.until) {
		delete(m.mu.answers, k)
		ok = false
	}
	return a, ok
}

func (m *memory) put(k tokenKey, a answer, now time.Time) {
	if !now.Before(a.until) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.mu.answers) >= maxAnswers {
		clear(m.mu.answers)
	}
	m.mu.answers[k] = a
}
