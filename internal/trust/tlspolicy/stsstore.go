package tlspolicy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// recordVersion is the format of what is kept of a policy: a line of it, the id, and the second of the fetch, then the policy's file.
// Version 1 is the first.
const recordVersion = 1

// keep writes down what is known, for another process. That it fails costs a fetch.
func (c *STSCache) keep(ctx context.Context, domain string, k known) {
	if c.opts.Store != nil {
		_ = c.opts.Store.PutPolicy(ctx, domain, k.append(nil), k.end())
	}
}

// recall reads what keep has written.
func (c *STSCache) recall(ctx context.Context, domain string) known {
	if c.opts.Store == nil {
		return known{}
	}
	data, err := c.opts.Store.Policy(ctx, domain)
	if err != nil || data == nil {
		return known{}
	}
	k, err := parseKnown(data)
	if err != nil {
		return known{} // It will be fetched again.
	}
	return k
}

func (k known) append(b []byte) []byte {
	b = fmt.Appendf(b, "%d %s %d\n", recordVersion, k.ID, k.fetched.Unix())
	return k.Policy.AppendTo(b)
}

func parseKnown(data []byte) (known, error) {
	head, text, ok := bytes.Cut(data, []byte("\n"))
	words := bytes.Fields(head)
	if !ok || len(words) != 3 || string(words[0]) != strconv.Itoa(recordVersion) {
		return known{}, errors.New("tlspolicy: not a record of version 1")
	}
	seconds, err := strconv.ParseInt(string(words[2]), 10, 64)
	if err != nil {
		return known{}, fmt.Errorf("tlspolicy: %w", err)
	}
	p, err := ParsePolicy(text)
	return known{STS: STS{Policy: p, ID: string(words[1])}, fetched: time.Unix(seconds, 0)}, err
}
