package admind

import (
	"context"

	"restante/internal/directory"
)

func (f *fake) Forward(_ context.Context, address string) (directory.Forward, error) {
	return directory.Forward{To: []string{"v@a.test"}, Outside: []string{"u@b.test"}, Only: true}, f.note("forward", address)
}

func (f *fake) SetForward(_ context.Context, address string, to []string, only bool) error {
	return f.note("set forward", address, to, only)
}
