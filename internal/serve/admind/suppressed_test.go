package admind

import (
	"context"
	"iter"
)

func (f *fake) Suppressed(_ context.Context, account string) iter.Seq2[Suppressed, error] {
	return some(f.note("suppressed", account), Suppressed{Account: account, To: "x@b.test", Times: 2, Last: aKey, Said: "550"})
}

func (f *fake) Unsuppress(_ context.Context, account, to string) (int, error) {
	return f.many, f.note("unsuppress", account, to)
}

// askSuppressed is ask for what is said about suppressed addresses.
func askSuppressed(ctx context.Context, b SuppressionBackend, note func(any, error)) {
	for s, err := range b.Suppressed(ctx, "u@a.test") {
		note(s, err)
	}
	n, err := b.Unsuppress(ctx, "u@a.test", "x@b.test")
	if err != nil {
		n = 0
	}
	note(n, err)
}
