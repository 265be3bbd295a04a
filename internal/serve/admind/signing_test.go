package admind

import (
	"context"
	"iter"
	"time"
)

var aKey = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func (f *fake) SigningKeys(_ context.Context, domain string) iter.Seq2[SigningKey, error] {
	return some(f.note("keys", domain), SigningKey{Domain: "a.test", Selector: "r1", State: "next", Created: aKey, Needed: true})
}

func (f *fake) NewSigningKeys(_ context.Context, domain string) ([]SigningKey, error) {
	return []SigningKey{{Selector: "r2", Since: aKey}}, f.note("new keys", domain)
}

func (f *fake) UseSigningKeys(_ context.Context, u SigningUse) ([]SigningKey, error) {
	return []SigningKey{{Selector: "r2", Text: "v=DKIM1"}}, f.note("use", u)
}

func (f *fake) LookForSigningKeys(_ context.Context, domain string) ([]SigningKey, error) {
	return []SigningKey{{Selector: "r3"}}, f.note("look", domain)
}

func (f *fake) RetireSigningKey(_ context.Context, domain, selector string) error {
	return f.note("retire", domain, selector)
}

func (f *fake) RemoveSigningKey(_ context.Context, domain, selector string, force bool) error {
	return f.note("remove key", domain, selector, force)
}

// askSigning is ask for what is said about keys.
func askSigning(ctx context.Context, b SigningBackend, note func(any, error)) {
	for k, err := range b.SigningKeys(ctx, "a.test") {
		note(k, err)
	}
	answer := func(keys []SigningKey, err error) {
		if err != nil {
			keys = nil // an error comes alone
		}
		note(keys, err)
	}
	answer(b.NewSigningKeys(ctx, "a.test"))
	answer(b.UseSigningKeys(ctx, SigningUse{"a.test", []string{"r1", "r2"}, true}))
	answer(b.LookForSigningKeys(ctx, "a.test"))
	note("", b.RetireSigningKey(ctx, "a.test", "r1"))
	note("", b.RemoveSigningKey(ctx, "a.test", "r1", true))
}
